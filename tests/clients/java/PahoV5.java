import java.util.HashMap;
import java.util.Map;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttActionListener;
import org.eclipse.paho.mqttv5.client.MqttAsyncClient;
import org.eclipse.paho.mqttv5.client.MqttCallback;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.client.persist.MemoryPersistence;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;

/** Eclipse Paho for Java, mqttv5: MQTT 5.0. */
final class PahoV5 {
    public static void main(String[] arguments) throws Exception {
        Contract contract = new Contract(arguments);
        // By packet identifier: the token of a publish fails with its connection, though the message is sent again.
        Map<Integer, Contract.Done> waiting = new HashMap<>();
        MqttConnectionOptions options = new MqttConnectionOptions();
        options.setCleanStart(!contract.keep);
        options.setSessionExpiryInterval(contract.keep ? Contract.HOUR : 0);
        options.setAutomaticReconnect(true);
        if (contract.secure()) {
            options.setSocketFactory(contract.tls().getSocketFactory());
        }
        if (contract.user != null) {
            options.setUserName(contract.user);
            options.setPassword(contract.password.getBytes());
        }
        if (contract.willTo != null) {
            options.setWill(contract.willTo, new MqttMessage(Contract.WILL, 1, false, null));
        }
        MqttAsyncClient client = new MqttAsyncClient(contract.pahoUrl(), contract.clientId, new MemoryPersistence());
        client.setCallback(new MqttCallback() {
            @Override
            public void connectComplete(boolean again, String url) {
                Contract.connected();
            }

            @Override
            public void disconnected(MqttDisconnectResponse response) {}

            @Override
            public void mqttErrorOccurred(MqttException error) {
                System.err.println(error);
            }

            @Override
            public void messageArrived(String topic, MqttMessage message) {}

            @Override
            public void deliveryComplete(IMqttToken token) {
                synchronized (waiting) {
                    Contract.Done done = waiting.remove(token.getMessageId());
                    if (done != null) {
                        done.done(null);
                    }
                }
            }

            @Override
            public void authPacketArrived(int reason, MqttProperties properties) {}
        });
        client.connect(options).waitForCompletion();
        Contract.publishAll((message, done) -> {
            if (message.qos() == 0) {
                client.publish(message.topic(), message.payload(), 0, false, null, new MqttActionListener() {
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
                IMqttToken token = client.publish(message.topic(), message.payload(), message.qos(), false);
                waiting.put(token.getMessageId(), done);
            }
        });
        client.disconnect().waitForCompletion();
        System.exit(0);
    }
}
