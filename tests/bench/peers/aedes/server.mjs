// The peer to compare with: aedes as the MQTT broker, kafkajs as the producer, PUBACK after acks=all.
//
// `authorizePublish` holds each publish back until Kafka has it; aedes then writes the PUBACK. Tuned to be a strong
// peer: one idempotent producer.send at a time, and what arrives meanwhile goes with the next one (one send for each
// turn of the event loop, or every 2 ms, was no faster and cannot be idempotent); the partition of a device is computed
// once. It does less than the adapter: no authentication, no headers, no metrics, no limit on what waits.
//
// Arguments: MQTT port, Kafka's bootstrap server, topic. Prints `ready` when it listens.
import net from 'node:net'
import { Aedes } from 'aedes'
import kafkajs from 'kafkajs'

const [port, bootstrap, topic] = process.argv.slice(2)
// kafkajs groups messages by partition in quadratic time: larger sends were slower.
const MESSAGES_AT_ONCE = 2000

// Messages carry their partition, so kafkajs has nothing left to decide.
const chosen = () => ({ message }) => message.partition
const kafka = new kafkajs.Kafka({ brokers: [bootstrap], clientId: 'bench-aedes', logLevel: kafkajs.logLevel.ERROR })
const producer = kafka.producer({ idempotent: true, createPartitioner: chosen, allowAutoTopicCreation: false })
await producer.connect()

const admin = kafka.admin()
await admin.connect()
const { topics: [{ partitions }] } = await admin.fetchTopicMetadata({ topics: [topic] })
await admin.disconnect()
const partitionOf = kafkajs.Partitioners.DefaultPartitioner()

let messages = []
let answers = []
let sending = false

async function send () {
  while (messages.length > 0) {
    const more = messages.splice(MESSAGES_AT_ONCE)
    const waiting = answers
    answers = waiting.splice(MESSAGES_AT_ONCE)
    const batch = { topic, acks: -1, messages }
    messages = more
    let failure = null
    try {
      await producer.send(batch)
    } catch (error) {
      failure = error
      console.error(error)
    }
    for (const answer of waiting) answer(failure)
  }
  sending = false
}

const broker = await Aedes.createBroker({
  authorizePublish (client, packet, answer) {
    client.partition ??= partitionOf({ topic, partitionMetadata: partitions, message: { key: client.id } })
    messages.push({ key: client.id, partition: client.partition, value: packet.payload })
    answers.push(answer)
    if (!sending) {
      sending = true
      setImmediate(send)
    }
  }
})
net.createServer(broker.handle).listen(Number(port), '127.0.0.1', 20000, () => console.log('ready'))
