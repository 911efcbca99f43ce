package example.carepath;

import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPrivateKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/** SMART Backend Services with the JDK's own cryptography: an ES384 assertion for an access token. */
final class Smart {
  private static final ObjectMapper JSON = new ObjectMapper();
  // No attempt to upgrade to HTTP/2, which the JDK makes without TLS: uvicorn lets go of such a request's body.
  private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private Smart() {}

  /** Sign a client in, where the environment names SMART_CLIENT_ID and SMART_KEY_FILE. */
  static void signIn(IGenericClient client, String base) throws IOException {
    String id = System.getenv("SMART_CLIENT_ID");
    if (id == null) {
      return;
    }
    try {
      client.registerInterceptor(new BearerTokenAuthInterceptor(token(base, id, Path.of(System.getenv("SMART_KEY_FILE")))));
    } catch (GeneralSecurityException | InterruptedException fault) {
      throw new IOException(fault);
    }
  }

  private static String token(String base, String id, Path file)
      throws IOException, GeneralSecurityException, InterruptedException {
    JsonNode configuration = asked(HttpRequest.newBuilder(URI.create(base + "/.well-known/smart-configuration")).build());
    String endpoint = configuration.get("token_endpoint").asText();
    Map<String, String> form = new LinkedHashMap<>();
    form.put("grant_type", "client_credentials");
    form.put("scope", "system/*.cruds");
    form.put("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.put("client_assertion", assertion(JSON.readTree(Files.readString(file)), id, endpoint));
    String body = form.entrySet().stream()
        .map(one -> one.getKey() + "=" + URLEncoder.encode(one.getValue(), StandardCharsets.UTF_8))
        .collect(Collectors.joining("&"));
    HttpRequest request = HttpRequest.newBuilder(URI.create(endpoint))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(HttpRequest.BodyPublishers.ofString(body)).build();
    return asked(request).get("access_token").asText();
  }

  private static JsonNode asked(HttpRequest request) throws IOException, InterruptedException {
    HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(answer.statusCode() + " " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  private static String assertion(JsonNode key, String id, String endpoint)
      throws IOException, GeneralSecurityException {
    long now = Instant.now().getEpochSecond();
    Map<String, Object> header = Map.of("alg", "ES384", "typ", "JWT", "kid", key.get("kid").asText());
    Map<String, Object> claims = Map.of("iss", id, "sub", id, "aud", endpoint, "exp", now + 120, "jti", UUID.randomUUID().toString());
    String signed = encoded(JSON.writeValueAsBytes(header)) + "." + encoded(JSON.writeValueAsBytes(claims));
    AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
    curve.init(new ECGenParameterSpec("secp384r1"));
    BigInteger secret = new BigInteger(1, Base64.getUrlDecoder().decode(key.get("d").asText()));
    Signature signature = Signature.getInstance("SHA384withECDSAinP1363Format");
    signature.initSign(KeyFactory.getInstance("EC")
        .generatePrivate(new ECPrivateKeySpec(secret, curve.getParameterSpec(ECParameterSpec.class))));
    signature.update(signed.getBytes(StandardCharsets.US_ASCII));
    return signed + "." + encoded(signature.sign());
  }

  private static String encoded(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
