import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Prints, as JSON, the partition that Kafka's own Java client chooses for keys of every kind, among several partition
 * counts: {"counts": [...], "keys": [["hex of the key", [a partition for each count]], ...]}.
 */
public final class PartitionVectors {
    private static final int[] COUNTS = {1, 2, 3, 4, 7, 12, 50, 64, 100, 1000};

    public static void main(String[] arguments) {
        StringBuilder keys = new StringBuilder();
        for (byte[] key : keys()) {
            StringBuilder partitions = new StringBuilder();
            for (int count : COUNTS) {
                partitions.append(partitions.isEmpty() ? "" : ", ").append(BuiltInPartitioner.partitionForKey(key, count));
            }
            keys.append(keys.isEmpty() ? "" : ",\n  ");
            keys.append("[\"").append(HexFormat.of().formatHex(key)).append("\", [").append(partitions).append("]]");
        }
        System.out.printf("{\"counts\": %s, \"keys\": [%n  %s%n]}%n", java.util.Arrays.toString(COUNTS), keys);
    }

    private static List<byte[]> keys() {
        List<byte[]> keys = new ArrayList<>();
        String[] words = {
            "", "4711", "device-1", "sensor/room-12", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", " ", "\u0000",
            "Gerät", "датчик-7", "传感器", "センサー", "جهاز", "😀", "👩‍🔧 device", "ﬀ\uFEFF", "e\u0301",
        };
        for (String word : words) {
            keys.add(word.getBytes(StandardCharsets.UTF_8));
        }
        for (int number = 0; number < 64; number++) {
            keys.add(("device-" + number).getBytes(StandardCharsets.UTF_8));
        }
        for (int length = 0; length <= 20; length++) {  // the last bytes of a key are hashed by another path than the rest
            for (int fill : new int[] {0x00, 0x7f, 0x80, 0xff}) {
                byte[] key = new byte[length];
                java.util.Arrays.fill(key, (byte) fill);
                keys.add(key);
            }
        }
        Random random = new Random(20);
        for (int number = 0; number < 120; number++) {
            byte[] key = new byte[random.nextInt(80)];
            random.nextBytes(key);
            keys.add(key);
        }
        return keys;
    }
}
