import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttWebSocketConfig;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.message.auth.Mqtt3SimpleAuth;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3Connect;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3ConnectBuilder;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5SimpleAuth;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** The HiveMQ MQTT client, in both versions, each with an interface of its own. */
final class HiveMq {
    public static void main(String[] arguments) throws Exception {
        Contract contract = new Contract(arguments);
        MqttClientBuilder builder = MqttClient.builder()
                .identifier(contract.clientId)
                .serverHost(contract.url.getHost())
                .serverPort(contract.url.getPort())
                .automaticReconnect().initialDelay(500, TimeUnit.MILLISECONDS).applyAutomaticReconnect()
                .addConnectedListener(context -> Contract.connected());
        if (contract.secure()) {
            builder.sslConfig(MqttClientSslConfig.builder().trustManagerFactory(contract.trust()).build());
        }
        if (contract.url.getScheme().startsWith("ws")) {
            builder.webSocketConfig(MqttWebSocketConfig.builder().serverPath(contract.url.getPath()).build());
        }
        if (contract.of5) {
            with5(builder.useMqttVersion5().buildAsync(), contract);
        } else {
            with3(builder.useMqttVersion3().buildAsync(), contract);
        }
        System.exit(0);
    }

    private static void with3(Mqtt3AsyncClient client, Contract contract) throws Exception {
        Mqtt3ConnectBuilder connect = Mqtt3Connect.builder().cleanSession(!contract.keep);
        if (contract.user != null) {
            byte[] password = contract.password.getBytes(StandardCharsets.UTF_8);
            connect.simpleAuth(Mqtt3SimpleAuth.builder().username(contract.user).password(password).build());
        }
        if (contract.willTo != null) {
            connect.willPublish(Mqtt3Publish.builder()
                    .topic(contract.willTo).payload(Contract.WILL).qos(MqttQos.AT_LEAST_ONCE).build());
        }
        client.connect(connect.build()).get();
        Contract.publishAll((message, done) -> client.publish(Mqtt3Publish.builder()
                        .topic(message.topic()).qos(MqttQos.fromCode(message.qos())).payload(message.payload()).build())
                .whenComplete((result, error) -> done.done(error)));
        client.disconnect().get();
    }

    private static void with5(Mqtt5AsyncClient client, Contract contract) throws Exception {
        Mqtt5ConnectBuilder connect = Mqtt5Connect.builder()
                .cleanStart(!contract.keep)
                .sessionExpiryInterval(contract.keep ? Contract.HOUR : 0);
        if (contract.user != null) {
            byte[] password = contract.password.getBytes(StandardCharsets.UTF_8);
            connect.simpleAuth(Mqtt5SimpleAuth.builder().username(contract.user).password(password).build());
        }
        if (contract.willTo != null) {
            connect.willPublish(Mqtt5Publish.builder()
                    .topic(contract.willTo).payload(Contract.WILL).qos(MqttQos.AT_LEAST_ONCE).build());
        }
        client.connect(connect.build()).get();
        Contract.publishAll((message, done) -> client.publish(Mqtt5Publish.builder()
                        .topic(message.topic()).qos(MqttQos.fromCode(message.qos())).payload(message.payload()).build())
                .whenComplete((result, error) -> done.done(error)));
        client.disconnect().get();
    }
}
