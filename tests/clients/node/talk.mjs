// Does with MQTT.js what tests/support/clients/mqttjs.py asks for on standard input.
import mqtt from "mqtt";

let text = "";
for await (const piece of process.stdin) text += piece;
const { device, messages, subscribeTo } = JSON.parse(text);

const told = { acknowledged: [], codes: [], granted: [], refused: null, closed: false };
const client = mqtt.connect(`mqtt://127.0.0.1:${device.port}`, {
  protocolVersion: device.level,
  clientId: device.client_id,
  username: device.username ?? undefined,
  password: device.password ?? undefined,
  reconnectPeriod: 0,
});

let finished = false;
function finish() {
  if (finished) return;
  finished = true;
  client.end(true, () => process.stdout.write(JSON.stringify(told)));
}

client.on("error", (error) => {
  told.refused = error.code ?? -1;
  finish();
});
client.on("close", () => {
  if (!finished) told.closed = true;
  finish();
});

client.on("connect", async () => {
  if (subscribeTo) {
    await new Promise((done) =>
      client.subscribe(subscribeTo, { qos: 1 }, (error, granted, packet) => {
        told.granted = packet?.granted ?? [error.code];
        done();
      }),
    );
  }
  let left = messages.length;
  messages.forEach(({ topic, payload, options, correlationData }, place) => {
    if (correlationData) options.properties.correlationData = Buffer.from(correlationData, "base64");
    client.publish(topic, Buffer.from(payload, "base64"), options, (error, packet) => {
      if (finished) return;
      if (options.qos && !(error && error.code === undefined)) {
        told.acknowledged.push(place);
        told.codes.push(error?.code ?? packet?.reasonCode ?? 0);
      }
      left -= 1;
      if (left === 0) {
        finished = true;
        client.end(false, () => process.stdout.write(JSON.stringify(told)));
      }
    });
  });
});
