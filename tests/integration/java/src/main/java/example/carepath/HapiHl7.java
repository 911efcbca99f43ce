package example.carepath;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.Connection;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.util.Terser;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A sender of HL7 v2 that knows nothing of Carepath: HAPI's MLLP client, which parses and validates each answer.
 *
 * <p>{@code HapiHl7 PORT MESSAGE.hl7…}: all over one connection. Prints one JSON line: what each answer says. A
 * failure, also an answer that HAPI finds wrong, is an exception and exit 1.
 */
final class HapiHl7 {
  private HapiHl7() {}

  public static void main(String[] args) throws Exception {
    System.setProperty("ca.uhn.hl7v2.llp.charset", "UTF-8");
    List<Map<String, String>> seen = new ArrayList<>();
    try (HapiContext context = new DefaultHapiContext()) {
      Connection connection = context.newClient("127.0.0.1", Integer.parseInt(args[0]), false);
      for (int i = 1; i < args.length; i++) {
        Message message = context.getPipeParser().parse(Files.readString(Path.of(args[i])));
        seen.add(told(connection.getInitiator().sendAndReceive(message)));
      }
      connection.close();
    }
    System.out.println(new ObjectMapper().writeValueAsString(Map.of("answers", seen)));
  }

  private static Map<String, String> told(Message answer) throws HL7Exception {
    Terser terser = new Terser(answer);
    Map<String, String> told = new LinkedHashMap<>();
    for (String place : List.of("MSH-5", "MSH-6", "MSH-9-1", "MSH-9-2", "MSH-12", "MSA-1", "MSA-2")) {
      told.put(place, terser.get("/" + place));
    }
    if (answer.toString().contains("\rERR|")) {
      for (String place : List.of("ERR-2-1", "ERR-2-3", "ERR-3-1", "ERR-4", "ERR-8")) {
        told.put(place, terser.get("/" + place));
      }
    }
    return told;
  }
}
