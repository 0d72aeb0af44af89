import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.hono.application.client.DownstreamMessage;
import org.eclipse.hono.application.client.kafka.KafkaMessageContext;
import org.eclipse.hono.application.client.kafka.impl.KafkaApplicationClientImpl;
import org.eclipse.hono.client.kafka.CommonKafkaClientConfigProperties;
import org.eclipse.hono.client.kafka.consumer.MessagingKafkaConsumerConfigProperties;
import org.eclipse.hono.client.kafka.producer.CachingKafkaProducerFactory;
import org.eclipse.hono.client.kafka.producer.MessagingKafkaProducerConfigProperties;

/**
 * Consumes a tenant's telemetry and events as an application of Eclipse Hono does: `Consumer BOOTSTRAP TENANT COUNT`.
 * Prints each message as Hono's client understands it, one JSON object a line, its payload in base64; ends after COUNT
 * messages.
 */
public final class Consumer {
    public static void main(final String[] arguments) throws Exception {
        final String tenant = arguments[1];
        final CountDownLatch missing = new CountDownLatch(Integer.parseInt(arguments[2]));
        final var common = new CommonKafkaClientConfigProperties();
        common.setCommonClientConfig(Map.of("bootstrap.servers", arguments[0]));
        final Vertx vertx = Vertx.vertx();
        final var consumers = new MessagingKafkaConsumerConfigProperties();
        consumers.setCommonClientConfig(common);
        consumers.setConsumerConfig(Map.of("auto.offset.reset", "earliest", "group.id", "hono-application"));
        final var producers = new MessagingKafkaProducerConfigProperties();
        producers.setCommonClientConfig(common);
        final var client = new KafkaApplicationClientImpl(
                vertx, consumers, CachingKafkaProducerFactory.sharedFactory(vertx), producers);
        client.start()
                .compose(ok -> client.createTelemetryConsumer(
                        tenant, message -> print("telemetry", message, missing), Consumer::closed))
                .compose(ok -> client.createEventConsumer(
                        tenant, message -> print("event", message, missing), Consumer::closed))
                .onFailure(Consumer::closed);
        final boolean complete = missing.await(60, TimeUnit.SECONDS);
        System.out.flush();
        Runtime.getRuntime().halt(complete ? 0 : 1);
    }

    private static synchronized void print(
            final String endpoint, final DownstreamMessage<KafkaMessageContext> message, final CountDownLatch missing) {
        final var properties = new JsonObject();
        new TreeMap<>(message.getProperties().getPropertiesMap())
                .forEach((name, value) -> properties.put(name, String.valueOf(value)));
        System.out.println(new JsonObject()
                .put("endpoint", endpoint)
                .put("tenant", message.getTenantId())
                .put("device", message.getDeviceId())
                .put("content_type", message.getContentType())
                .put("qos", message.getQos().name())
                .put("creation_time", message.getCreationTime().toEpochMilli())
                .put("ttl_seconds", message.getTimeToLive() == null ? null : message.getTimeToLive().toSeconds())
                .put("correlation_id", message.getCorrelationId())
                .put("payload", message.getPayload() == null ? null : message.getPayload().getBytes())
                .put("time_till_disconnect", message.getTimeTillDisconnect())
                .put("status", message.getStatus())
                .put("sender_connected", message.isSenderConnected())
                .put("kafka_topic", message.getMessageContext().getRecord().topic())
                .put("key", message.getMessageContext().getRecord().key())
                .put("via", message.getProperties().getProperty("via", String.class))
                .put("response_topic", message.getProperties().getProperty("response-topic", String.class))
                .put("orig_address", message.getProperties().getProperty("orig_address", String.class))
                .put("orig_adapter", message.getProperties().getProperty("orig_adapter", String.class))
                .put("retain", message.getProperties().getProperty("x-opt-retain", Boolean.class))
                .put("properties", properties)
                .encode());
        missing.countDown();
    }

    private static void closed(final Throwable cause) {
        cause.printStackTrace();
        Runtime.getRuntime().halt(2);
    }
}
