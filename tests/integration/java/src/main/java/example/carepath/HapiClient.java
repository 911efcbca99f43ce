package example.carepath;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.SummaryEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Bundle.SearchEntryMode;
import org.hl7.fhir.r4.model.Encounter;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.MessageHeader;
import org.hl7.fhir.r4.model.MessageHeader.ResponseType;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.Resource;

/**
 * A sender and reader that knows nothing of Carepath: HAPI's client.
 *
 * <p>{@code HapiClient json|xml BASE MESSAGE.json…}: messages about one patient, all in one encoding. The first is
 * sent with its resource ids, the others as HAPI sends what it has parsed: without them (an id then lives in
 * {@code fullUrl} alone). The last is sent twice. Then the patient is found, read, read by version and if it has
 * changed, its history and timeline are taken, and its stays are paged one by one, latest first, and taken with the
 * patient, and counted. Prints one JSON line with what was seen; a failure is an exception and exit 1.
 */
final class HapiClient {
  private final FhirContext context = FhirContext.forR4();
  private final IGenericClient client;

  private HapiClient(EncodingEnum encoding, String base) throws IOException {
    client = context.newRestfulGenericClient(base);
    client.setEncoding(encoding);
    Smart.signIn(client, base);
  }

  public static void main(String[] args) throws IOException {
    HapiClient peer = new HapiClient(EncodingEnum.forContentType(args[0]), args[1]);
    List<Path> messages = new ArrayList<>();
    for (int i = 2; i < args.length; i++) {
      messages.add(Path.of(args[i]));
    }
    System.out.println(new ObjectMapper().writeValueAsString(peer.run(messages)));
  }

  private Map<String, Object> run(List<Path> messages) throws IOException {
    Map<String, Object> seen = new LinkedHashMap<>();
    List<String> receipts = new ArrayList<>();
    Bundle last = null;
    for (Path message : messages) {
      last = parse(message, receipts.isEmpty());
      receipts.add(send(last));
    }
    check(send(last).equals(receipts.get(receipts.size() - 1)), "another answer to the same message");
    seen.put("receipts", receipts);

    Patient patient = find(identifier(last));
    IdType id = patient.getIdElement();
    seen.put("patient", id.getIdPart());
    seen.put("version", version(id));
    seen.put("unchanged", unchanged(id));
    seen.put("history", history(id));
    seen.put("timeline", timeline(id));
    seen.put("stays", stays(id));
    seen.put("included", included(id));
    seen.put("counted", counted(id));
    return seen;
  }

  private Bundle parse(Path message, boolean keepIds) throws IOException {
    IParser parser = context.newJsonParser();
    parser.setOverrideResourceIdWithBundleEntryFullUrl(!keepIds);
    return parser.parseResource(Bundle.class, Files.readString(message));
  }

  /** The id of the receipt, which must be ok and about this message. */
  private String send(Bundle message) {
    Bundle answer = client.operation().processMessage().setMessageBundle(message).synchronous(Bundle.class).execute();
    MessageHeader receipt = (MessageHeader) answer.getEntryFirstRep().getResource();
    MessageHeader sent = (MessageHeader) message.getEntryFirstRep().getResource();
    MessageHeader.MessageHeaderResponseComponent response = receipt.getResponse();
    check(response.getCode() == ResponseType.OK, "receipt says " + response.getCode());
    String about = sent.getIdElement().getIdPart().replace("urn:uuid:", "");
    check(response.getIdentifier().equals(about), "receipt is about " + response.getIdentifier());
    return receipt.getIdElement().getIdPart().replace("urn:uuid:", "");
  }

  private static Identifier identifier(Bundle message) {
    for (Bundle.BundleEntryComponent entry : message.getEntry()) {
      if (entry.getResource() instanceof Patient patient) {
        return patient.getIdentifierFirstRep();
      }
    }
    throw new IllegalArgumentException("no patient in the message");
  }

  private Patient find(Identifier identifier) {
    Bundle found = client.search().forResource(Patient.class)
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(identifier.getSystem(), identifier.getValue()))
        .returnBundle(Bundle.class).execute();
    check(found.getTotal() == 1, found.getTotal() + " patients found");
    IdType id = found.getEntryFirstRep().getResource().getIdElement();
    return client.read().resource(Patient.class).withId(id.getIdPart()).execute();
  }

  private String version(IdType id) {
    String version = id.getVersionIdPart();
    Patient read = client.read().resource(Patient.class).withIdAndVersion(id.getIdPart(), version).execute();
    check(read.getIdElement().getVersionIdPart().equals(version), "vread gave " + read.getIdElement());
    return version;
  }

  /** Whether a read of the version that we have says that there is no other. */
  private boolean unchanged(IdType id) {
    return client.read().resource(Patient.class).withId(id.getIdPart())
        .ifVersionMatches(id.getVersionIdPart()).returnNull().execute() == null;
  }

  private int history(IdType id) {
    return client.history().onInstance(id.toVersionless()).returnBundle(Bundle.class).execute().getEntry().size();
  }

  private int timeline(IdType id) {
    return client.operation().onInstance(id.toVersionless()).named("$timeline")
        .withNoParameters(Parameters.class).useHttpGet().returnResourceType(Bundle.class).execute().getTotal();
  }

  /** The ids of what comes along with the patient's stays. */
  private List<String> included(IdType patient) {
    Bundle found = client.search().forResource(Encounter.class).where(Encounter.PATIENT.hasId(patient.getIdPart()))
        .include(Encounter.INCLUDE_PATIENT).returnBundle(Bundle.class).execute();
    return found.getEntry().stream().filter(entry -> entry.getSearch().getMode() == SearchEntryMode.INCLUDE)
        .map(entry -> entry.getResource().getIdElement().getIdPart()).toList();
  }

  private int counted(IdType patient) {
    Bundle found = client.search().forResource(Encounter.class).where(Encounter.PATIENT.hasId(patient.getIdPart()))
        .summaryMode(SummaryEnum.COUNT).returnBundle(Bundle.class).execute();
    check(found.getEntry().isEmpty(), "a count with entries");
    return found.getTotal();
  }

  /** The ids of the patient's stays, the latest first, one page each. */
  private List<String> stays(IdType patient) {
    List<String> stays = new ArrayList<>();
    Bundle page = client.search().forResource(Encounter.class)
        .where(Encounter.PATIENT.hasId(patient.getIdPart())).sort().descending(Encounter.DATE)
        .count(1).returnBundle(Bundle.class).execute();
    while (page != null) {
      check(page.getEntry().size() == 1, page.getEntry().size() + " on a page of one");
      Resource stay = page.getEntryFirstRep().getResource();
      stays.add(stay.getIdElement().getIdPart());
      page = page.getLink(Bundle.LINK_NEXT) == null ? null : client.loadPage().next(page).execute();
    }
    return stays;
  }

  private static void check(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalStateException(problem);
    }
  }
}
