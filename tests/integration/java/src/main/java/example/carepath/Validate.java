package example.carepath;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's validator, offline, over many files in one JVM.
 *
 * <p>{@code Validate PROFILES} knows what HL7 publishes and the profiles, value sets and code systems in the JSON
 * files of the folder. Each line on standard input, {@code {"file", "profiles": […], "same": file?}}, is answered with
 * a line: the errors found, {@code ["location: message"]}. With {@code same}, another encoding of the same resource,
 * it is an error that the two say different things.
 */
final class Validate {
  private static final FhirContext CONTEXT = FhirContext.forR4();

  private Validate() {}

  public static void main(String[] args) throws IOException {
    FhirValidator validator = validator(Path.of(args[0]));
    ObjectMapper json = new ObjectMapper();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      System.out.println(json.writeValueAsString(errors(validator, json.readTree(line))));
    }
  }

  private static List<String> errors(FhirValidator validator, JsonNode asked) throws IOException {
    ValidationOptions options = new ValidationOptions();
    asked.path("profiles").forEach(profile -> options.addProfile(profile.asText()));
    String content = Files.readString(Path.of(asked.path("file").asText()));
    List<String> errors = new ArrayList<>();
    for (SingleValidationMessage message : validator.validateWithResult(content, options).getMessages()) {
      if (message.getSeverity().compareTo(ResultSeverityEnum.ERROR) >= 0) {
        errors.add(message.getLocationString() + ": " + message.getMessage());
      }
    }
    if (asked.has("same")) {
      String said = said(content);
      String other = said(Files.readString(Path.of(asked.path("same").asText())));
      if (!said.equals(other)) {
        int from = Math.max(0, Arrays.mismatch(said.toCharArray(), other.toCharArray()) - 60);
        errors.add("says " + excerpt(said, from) + " where the other says " + excerpt(other, from));
      }
    }
    return errors;
  }

  private static String excerpt(String text, int from) {
    return text.substring(Math.min(from, text.length()), Math.min(from + 120, text.length()));
  }

  /** What HAPI's parser understands, however it is written. */
  private static String said(String content) {
    IParser parser = EncodingEnum.detectEncoding(content).newParser(CONTEXT);
    parser.setOverrideResourceIdWithBundleEntryFullUrl(false);
    return CONTEXT.newJsonParser().encodeResourceToString(parser.parseResource(content));
  }

  /** Code systems, extensions and profiles unknown here are let through. */
  private static FhirValidator validator(Path profiles) throws IOException {
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(CONTEXT);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    FhirInstanceValidator instances = new FhirInstanceValidator(
        new ValidationSupportChain( // caches what it has looked up
            ValidationSupportChain.CacheConfiguration.defaultValues(),
            new DefaultProfileValidationSupport(CONTEXT),
            restated(profiles),
            new CommonCodeSystemsTerminologyService(CONTEXT),
            new InMemoryTerminologyServerValidationSupport(CONTEXT),
            new SnapshotGeneratingValidationSupport(CONTEXT),
            unknown));
    instances.setAnyExtensionsAllowed(true);
    instances.setErrorForUnknownProfiles(false);
    return CONTEXT.newValidator().registerValidatorModule(instances);
  }

  private static PrePopulatedValidationSupport restated(Path profiles) throws IOException {
    PrePopulatedValidationSupport restated = new PrePopulatedValidationSupport(CONTEXT);
    try (Stream<Path> files = Files.list(profiles)) {
      for (Path file : files.sorted().toList()) {
        restated.addResource(CONTEXT.newJsonParser().parseResource(Files.readString(file)));
      }
    }
    return restated;
  }
}
