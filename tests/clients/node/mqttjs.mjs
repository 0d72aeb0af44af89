// MQTT.js. The contract is that of tests/clients/program.py.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import mqtt from "mqtt";

const words = Object.fromEntries(
  process.argv.slice(2).map((word) => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)];
  }),
);
const level = Number(words.level);
const keep = "keep" in words;

const client = mqtt.connect(words.url, {
  protocolVersion: level,
  clientId: words.client_id,
  username: words.user,
  password: words.password,
  ca: words.ca && readFileSync(words.ca),
  will: words.will && { topic: words.will, payload: Buffer.from("gone"), qos: 1, retain: false },
  clean: !keep,
  properties: level === 5 ? { sessionExpiryInterval: keep ? 3600 : 0 } : undefined,
  reconnectPeriod: 500,
});

let place = 0;
let waiting = 0;
let ended = false;

function leave() {
  if (ended && waiting === 0) client.end();
}

function publish(line) {
  const [qos, topic, payload] = line.split(" ");
  const number = place++;
  waiting += 1;
  client.publish(topic, Buffer.from(payload === "-" ? "" : payload, "hex"), { qos: Number(qos) }, (error) => {
    if (error) console.error(`message ${number}: ${error.message}`);
    else if (qos !== "0") console.log(`acked ${number}`);
    waiting -= 1;
    leave();
  });
}

// "connect" comes, after a reconnect, when what was stored has been sent again and acknowledged.
client.on("packetreceive", (packet) => {
  if (packet.cmd === "connack" && (packet.reasonCode ?? packet.returnCode) === 0) console.log("connected");
});
client.on("error", (error) => {
  console.error(error.message);
  if (place === 0) process.exit(1);
});

// What is published before there is a connection is sent with QoS 0 behind the rest.
client.once("connect", () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", publish);
  lines.on("close", () => {
    ended = true;
    leave();
  });
});
