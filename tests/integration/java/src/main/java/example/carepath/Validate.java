package example.carepath;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's validator, offline, over many files in one JVM.
 *
 * <p>{@code Validate DIRECTORY} takes every {@code *.json} under it, {@code Validate} alone a list of paths on
 * standard input. Files with the same content are validated once. Prints one JSON line per file:
 * {@code {"file", "errors": [{"severity", "location", "message"}]}}. Exit 1 when any file has an error, 2 when
 * there was none to validate.
 */
final class Validate {
  private Validate() {}

  public static void main(String[] args) throws IOException {
    FhirValidator validator = validator(FhirContext.forR4());
    ObjectMapper json = new ObjectMapper();
    Set<String> seen = new HashSet<>();
    boolean failed = false;
    for (Path file : files(args)) {
      String content = Files.readString(file);
      if (seen.add(content)) {
        List<Map<String, String>> errors = errors(validator, content);
        failed |= !errors.isEmpty();
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("file", file.toString());
        line.put("errors", errors);
        System.out.println(json.writeValueAsString(line));
      }
    }
    System.exit(seen.isEmpty() ? 2 : failed ? 1 : 0);
  }

  private static List<Path> files(String[] args) throws IOException {
    if (args.length == 0) {
      return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
          .lines().filter(line -> !line.isBlank()).map(Path::of).toList();
    }
    try (Stream<Path> found = Files.walk(Path.of(args[0]))) {
      return found.filter(path -> path.toString().endsWith(".json")).sorted().toList();
    }
  }

  /** What HL7 publishes is checked; code systems, extensions and profiles unknown here are let through. */
  private static FhirValidator validator(FhirContext context) {
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    FhirInstanceValidator instances = new FhirInstanceValidator(
        new ValidationSupportChain( // caches what it has looked up
            ValidationSupportChain.CacheConfiguration.defaultValues(),
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            unknown));
    instances.setAnyExtensionsAllowed(true);
    instances.setErrorForUnknownProfiles(false);
    return context.newValidator().registerValidatorModule(instances);
  }

  private static List<Map<String, String>> errors(FhirValidator validator, String content) {
    return validator.validateWithResult(content).getMessages().stream()
        .filter(message -> message.getSeverity().compareTo(ResultSeverityEnum.ERROR) >= 0)
        .map(Validate::plain)
        .toList();
  }

  private static Map<String, String> plain(SingleValidationMessage message) {
    Map<String, String> plain = new LinkedHashMap<>();
    plain.put("severity", message.getSeverity().getCode());
    plain.put("location", message.getLocationString());
    plain.put("message", message.getMessage());
    return plain;
  }
}
