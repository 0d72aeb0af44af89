import java.util.HashMap;
import java.util.Map;
import org.eclipse.paho.client.mqttv3.IMqttActionListener;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.IMqttToken;
import org.eclipse.paho.client.mqttv3.MqttAsyncClient;
import org.eclipse.paho.client.mqttv3.MqttCallbackExtended;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** Eclipse Paho for Java, mqttv3: MQTT 3.1.1. */
final class PahoV3 {
    public static void main(String[] arguments) throws Exception {
        Contract contract = new Contract(arguments);
        // By packet identifier: the token of a publish fails with its connection, though the message is sent again.
        Map<Integer, Contract.Done> waiting = new HashMap<>();
        MqttConnectOptions options = new MqttConnectOptions();
        options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
        options.setCleanSession(!contract.keep);
        options.setAutomaticReconnect(true);
        options.setMaxInflight(100);
        if (contract.secure()) {
            options.setSocketFactory(contract.tls().getSocketFactory());
        }
        if (contract.user != null) {
            options.setUserName(contract.user);
            options.setPassword(contract.password.toCharArray());
        }
        if (contract.willTo != null) {
            options.setWill(contract.willTo, Contract.WILL, 1, false);
        }
        MqttAsyncClient client = new MqttAsyncClient(contract.pahoUrl(), contract.clientId, new MemoryPersistence());
        client.setCallback(new MqttCallbackExtended() {
            @Override
            public void connectComplete(boolean again, String url) {
                Contract.connected();
            }

            @Override
            public void connectionLost(Throwable cause) {}

            @Override
            public void messageArrived(String topic, MqttMessage message) {}

            @Override
            public void deliveryComplete(IMqttDeliveryToken token) {
                synchronized (waiting) {
                    Contract.Done done = waiting.remove(token.getMessageId());
                    if (done != null) {
                        done.done(null);
                    }
                }
            }
        });
        client.connect(options).waitForCompletion();
        Contract.publishAll((message, done) -> {
            if (message.qos() == 0) {
                client.publish(message.topic(), message.payload(), 0, false, null, new IMqttActionListener() {
                    @Override
                    public void onSuccess(IMqttToken token) {
                        done.done(null);
                    }

                    @Override
                    public void onFailure(IMqttToken token, Throwable error) {
                        done.done(error);
                    }
                });
                return;
            }
            synchronized (waiting) {
                IMqttDeliveryToken token = client.publish(message.topic(), message.payload(), message.qos(), false);
                waiting.put(token.getMessageId(), done);
            }
        });
        client.disconnect().waitForCompletion();
        System.exit(0);
    }
}
