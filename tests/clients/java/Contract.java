import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.Phaser;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The contract of tests/clients/program.py for programs in Java. */
final class Contract {
    static final long HOUR = 3600;
    static final byte[] WILL = "gone".getBytes(StandardCharsets.UTF_8);

    /** A line of standard input. */
    record Message(int place, int qos, String topic, byte[] payload) {}

    /** Publishes without waiting; calls `done` with null or what went wrong, when it is acknowledged (QoS 0: sent). */
    interface Publisher {
        void publish(Message message, Done done) throws Exception;
    }

    /** The end of a publish. */
    interface Done {
        void done(Throwable error);
    }

    final URI url;
    final boolean of5;
    final String clientId;
    final String user;
    final String password;
    final String willTo;
    final boolean keep;
    private final String ca;

    Contract(String[] arguments) {
        Map<String, String> words = new HashMap<>();
        for (String word : arguments) {
            int at = word.indexOf('=');
            words.put(word.substring(0, at), word.substring(at + 1));
        }
        url = URI.create(words.get("url"));
        of5 = words.get("level").equals("5");
        clientId = words.get("client_id");
        user = words.get("user");
        password = words.get("password");
        willTo = words.get("will");
        keep = words.containsKey("keep");
        ca = words.get("ca");
    }

    /** As Paho writes it. */
    String pahoUrl() {
        return url.toString().replaceFirst("^mqtts:", "ssl:").replaceFirst("^mqtt:", "tcp:");
    }

    /** Trusts the authority; null without TLS. */
    TrustManagerFactory trust() throws Exception {
        if (ca == null) {
            return null;
        }
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (FileInputStream file = new FileInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        return trust;
    }

    /** The same as a context. */
    SSLContext tls() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust().getTrustManagers(), null);
        return context;
    }

    boolean secure() {
        return ca != null;
    }

    /** Publishes everything from standard input, and returns when all of it is done. */
    static void publishAll(Publisher publisher) throws Exception {
        Phaser publishing = new Phaser(1);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int place = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            byte[] payload = words[2].equals("-") ? new byte[0] : HexFormat.of().parseHex(words[2]);
            Message message = new Message(place++, Integer.parseInt(words[0]), words[1], payload);
            publishing.register();
            publisher.publish(message, error -> {
                if (error != null) {
                    System.err.println("message " + message.place + ": " + error);
                    System.exit(1);
                }
                if (message.qos > 0) {
                    say("acked " + message.place);
                }
                publishing.arriveAndDeregister();
            });
        }
        publishing.arriveAndAwaitAdvance();
    }

    static void connected() {
        say("connected");
    }

    private static synchronized void say(String text) {
        System.out.println(text);
        System.out.flush();
    }
}
