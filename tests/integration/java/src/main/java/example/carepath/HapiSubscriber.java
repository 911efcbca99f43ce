package example.carepath;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.MethodOutcome;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.Encounter;
import org.hl7.fhir.r4.model.Identifier;
import org.hl7.fhir.r4.model.MessageHeader;
import org.hl7.fhir.r4.model.MessageHeader.ResponseType;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.Parameters.ParametersParameterComponent;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.PositiveIntType;
import org.hl7.fhir.r4.model.StringType;
import org.hl7.fhir.r4.model.Subscription;
import org.hl7.fhir.r4.model.Subscription.SubscriptionChannelType;
import org.hl7.fhir.r4.model.Subscription.SubscriptionStatus;

/**
 * A sender and subscriber that knows nothing of Carepath: HAPI's client, and Java's own HTTP server as its endpoint.
 *
 * <p>{@code HapiSubscriber json|xml BASE MESSAGE.json…}: messages about one patient's stays. It subscribes to what is
 * told of her, sends half of the messages, then its endpoint fails until the Subscription is in error while the others
 * are sent; it asks for what it missed, subscribes anew, and pages the stays. All in one encoding, notifications too.
 * Prints one JSON line with what it saw, as {@code fhir_kit.mjs} does; a failure is an exception and exit 1.
 */
final class HapiSubscriber {
  private static final String IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
  private static final String TOPIC = "https://carepath.example/fhir/SubscriptionTopic/pathway-update";
  private static final long PATIENCE_MS = 60_000;

  private final FhirContext context = FhirContext.forR4();
  private final EncodingEnum encoding;
  private final IGenericClient client;
  private final List<Map<String, Object>> taken = new CopyOnWriteArrayList<>();
  private volatile boolean failing;

  private HapiSubscriber(EncodingEnum encoding, String base) {
    this.encoding = encoding;
    client = context.newRestfulGenericClient(base);
    client.setEncoding(encoding);
  }

  public static void main(String[] args) throws Exception {
    HapiSubscriber peer = new HapiSubscriber(EncodingEnum.forContentType(args[0]), args[1]);
    List<Bundle> messages = new ArrayList<>();
    for (int i = 2; i < args.length; i++) {
      messages.add(peer.parser(EncodingEnum.JSON).parseResource(Bundle.class, Files.readString(Path.of(args[i]))));
    }
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", peer::take);
    server.start();
    try {
      Map<String, Object> seen = peer.run(messages, "http://127.0.0.1:" + server.getAddress().getPort() + "/");
      System.out.println(new ObjectMapper().writeValueAsString(seen));
    } finally {
      server.stop(0);
    }
  }

  private Map<String, Object> run(List<Bundle> messages, String endpoint) throws Exception {
    Map<String, Object> seen = new LinkedHashMap<>();
    seen.put("operations", operations());
    Identifier person = identifier(messages.get(0));
    Subscription made = (Subscription) create(wanted(person, endpoint)).getResource();
    seen.put("created", made.getStatus().toCode());
    String id = made.getIdElement().getIdPart();
    until(() -> status(id).get("status").equals("active"));

    int half = (messages.size() + 1) / 2;
    messages.subList(0, half).forEach(this::send);
    until(() -> numbers().size() >= half && status(id).get("count").equals(numbers().size()));
    int before = numbers().size();
    seen.put("before", before);

    failing = true;
    messages.subList(half, messages.size()).forEach(this::send);
    until(() -> status(id).get("status").equals("error"));
    Map<String, Object> failed = status(id);
    seen.put("failed", failed);
    seen.put("missed", missed(id, before + 1, (int) failed.get("count")));

    failing = false;
    Subscription again = client.read().resource(Subscription.class).withId(id).execute();
    check(again.getStatus() == SubscriptionStatus.ERROR && again.hasError(), "no error in " + again.getStatus());
    client.update().resource(again.setStatus(SubscriptionStatus.REQUESTED)).execute();
    until(() -> numbers().size() >= (int) failed.get("count"));
    seen.put("after", status(id));
    seen.put("taken", taken);
    seen.put("stays", stays(person));
    client.delete().resourceById("Subscription", id).execute();
    return seen;
  }

  private List<String> operations() {
    CapabilityStatement told = client.capabilities().ofType(CapabilityStatement.class).execute();
    return told.getRestFirstRep().getResource().stream().filter(each -> each.getType().equals("Subscription"))
        .flatMap(each -> each.getOperation().stream()).map(each -> each.getName()).toList();
  }

  private Subscription wanted(Identifier person, String endpoint) {
    Subscription wanted = new Subscription();
    wanted.setStatus(SubscriptionStatus.REQUESTED).setReason("To follow one patient").setCriteria(TOPIC);
    String filter = "patient.identifier=" + person.getSystem() + "|" + person.getValue();
    wanted.getCriteriaElement().addExtension(IG + "backport-filter-criteria", new StringType(filter));
    Subscription.SubscriptionChannelComponent channel = wanted.getChannel();
    channel.addExtension(IG + "backport-max-count", new PositiveIntType(2));
    channel.setType(SubscriptionChannelType.RESTHOOK).setEndpoint(endpoint).addHeader("X-Ward: 3 West");
    channel.setPayload(encoding.getResourceContentTypeNonLegacy());
    channel.getPayloadElement().addExtension(IG + "backport-payload-content", new CodeType("full-resource"));
    return wanted;
  }

  private MethodOutcome create(Subscription wanted) {
    MethodOutcome outcome = client.create().resource(wanted).execute();
    check(Boolean.TRUE.equals(outcome.getCreated()), "not created");
    check(outcome.getId().hasVersionIdPart(), "no version in " + outcome.getId());
    return outcome;
  }

  private void send(Bundle message) {
    Bundle answer = client.operation().processMessage().setMessageBundle(message).synchronous(Bundle.class).execute();
    MessageHeader receipt = (MessageHeader) answer.getEntryFirstRep().getResource();
    check(receipt.getResponse().getCode() == ResponseType.OK, "receipt says " + receipt.getResponse().getCode());
  }

  private Map<String, Object> status(String id) {
    Bundle found = client.operation().onInstance("Subscription/" + id).named("$status")
        .withNoParameters(Parameters.class).useHttpGet().returnResourceType(Bundle.class).execute();
    return told(found);
  }

  private Map<String, Object> missed(String id, int since, int upto) {
    Parameters asked = new Parameters();
    asked.addParameter("eventsSinceNumber", new StringType(Integer.toString(since)));
    asked.addParameter("eventsUntilNumber", new StringType(Integer.toString(upto)));
    asked.addParameter("content", new CodeType("full-resource"));
    return told(client.operation().onInstance("Subscription/" + id).named("$events")
        .withParameters(asked).returnResourceType(Bundle.class).execute());
  }

  /** The ids of the person's stays, one page each. */
  private List<String> stays(Identifier person) {
    List<String> stays = new ArrayList<>();
    Bundle found = client.search().forResource(Patient.class)
        .where(Patient.IDENTIFIER.exactly().systemAndIdentifier(person.getSystem(), person.getValue()))
        .returnBundle(Bundle.class).execute();
    String patient = found.getEntryFirstRep().getResource().getIdElement().getIdPart();
    Bundle page = client.search().forResource(Encounter.class)
        .where(Encounter.PATIENT.hasId(patient)).count(1).returnBundle(Bundle.class).execute();
    while (page != null) {
      page.getEntry().forEach(entry -> stays.add(entry.getResource().getIdElement().getIdPart()));
      page = page.getLink(Bundle.LINK_NEXT) == null ? null : client.loadPage().next(page).execute();
    }
    return stays;
  }

  // --- the endpoint

  private void take(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    int answer = failing ? 500 : 204;
    if (answer == 204) {
      Map<String, Object> note = told(parser(encoding).parseResource(Bundle.class, body));
      note.put("contentType", exchange.getRequestHeaders().getFirst("Content-Type"));
      note.put("header", exchange.getRequestHeaders().getFirst("X-Ward"));
      taken.add(note);
    }
    exchange.sendResponseHeaders(answer, -1);
    exchange.close();
  }

  private List<Integer> numbers() {
    List<Integer> numbers = new ArrayList<>();
    for (Map<String, Object> note : taken) {
      for (Object number : (List<?>) note.get("numbers")) {
        numbers.add((Integer) number);
      }
    }
    return numbers;
  }

  /** What a notification says: its type, the Subscription's status and count, numbers, and ids of messages. */
  private static Map<String, Object> told(Bundle notification) {
    Parameters status = (Parameters) notification.getEntryFirstRep().getResource();
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("type", status.getParameterValue("type").primitiveValue());
    told.put("status", status.getParameterValue("status").primitiveValue());
    told.put("count", Integer.parseInt(status.getParameterValue("events-since-subscription-start").primitiveValue()));
    told.put("numbers", status.getParameters("notification-event").stream().map(HapiSubscriber::number).toList());
    told.put("messages", notification.getEntry().stream()
        .filter(entry -> entry.getResource() instanceof Bundle)
        .map(entry -> ((Bundle) entry.getResource()).getEntryFirstRep().getResource().getIdPart()).toList());
    return told;
  }

  private static int number(ParametersParameterComponent event) {
    return event.getPart().stream().filter(part -> part.getName().equals("event-number"))
        .map(part -> Integer.parseInt(part.getValue().primitiveValue())).findFirst().orElseThrow();
  }

  private IParser parser(EncodingEnum written) {
    return written.newParser(context).setOverrideResourceIdWithBundleEntryFullUrl(false);
  }

  private static Identifier identifier(Bundle message) {
    return message.getEntry().stream().filter(entry -> entry.getResource() instanceof Patient)
        .map(entry -> ((Patient) entry.getResource()).getIdentifierFirstRep()).findFirst().orElseThrow();
  }

  private static void until(BooleanSupplier holds) throws InterruptedException {
    long latest = System.currentTimeMillis() + PATIENCE_MS;
    while (!holds.getAsBoolean()) {
      check(System.currentTimeMillis() < latest, "in vain");
      Thread.sleep(50);
    }
  }

  private static void check(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalStateException(problem);
    }
  }
}
