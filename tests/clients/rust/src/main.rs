//! rumqttc, for MQTT 3.1.1 and 5.0. The contract is that of tests/clients/program.py.

use std::collections::{HashMap, VecDeque};
use std::io::BufRead;
use std::time::Duration;

const HOUR: u32 = 3600;
const WILL: &str = "gone";
const INFLIGHT: u16 = 100;
const QUEUE: usize = 1000;
const LARGEST: usize = 1 << 20;

struct Options(HashMap<String, String>);

struct Message {
    place: usize,
    qos: u8,
    topic: String,
    payload: Vec<u8>,
}

impl Options {
    fn parse() -> Self {
        Options(std::env::args().skip(1).filter_map(|word| {
            word.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()))
        }).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn scheme(&self) -> &str {
        self.0["url"].split_once("://").unwrap().0
    }

    /// Host and port; for WebSocket rumqttc wants the URL as the host.
    fn address(&self) -> (String, u16) {
        let rest = self.0["url"].split_once("://").unwrap().1;
        let authority = rest.split('/').next().unwrap();
        let (host, port) = authority.rsplit_once(':').unwrap();
        let host = if self.scheme().starts_with("ws") { self.0["url"].clone() } else { host.to_string() };
        (host, port.parse().unwrap())
    }

    fn transport(&self) -> rumqttc::Transport {
        let authorities = || std::fs::read(&self.0["ca"]).expect("the authority's file");
        match self.scheme() {
            "mqtts" => rumqttc::Transport::tls(authorities(), None, None),
            "ws" => rumqttc::Transport::Ws,
            "wss" => rumqttc::Transport::wss(authorities(), None, None),
            _ => rumqttc::Transport::Tcp,
        }
    }
}

/// The messages of standard input, as they come; none when it has ended.
fn messages() -> flume::Receiver<Message> {
    let (sender, receiver) = flume::unbounded();
    std::thread::spawn(move || {
        for (place, line) in std::io::stdin().lock().lines().enumerate() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let payload = if words[2] == "-" { Vec::new() } else { hex::decode(words[2]).unwrap() };
            let message = Message { place, qos: words[0].parse().unwrap(), topic: words[1].to_string(), payload };
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Which message an acknowledgement is for: packets leave in the order in which they were published.
#[derive(Default)]
struct Places {
    published: VecDeque<usize>,
    sent: HashMap<u16, usize>,
    acked: usize,
}

impl Places {
    fn left(&mut self, packet_id: u16) {
        if packet_id != 0 && !self.sent.contains_key(&packet_id) {
            if let Some(place) = self.published.pop_front() {
                self.sent.insert(packet_id, place);
            }
        }
    }

    fn acknowledged(&mut self, packet_id: u16) {
        if let Some(place) = self.sent.remove(&packet_id) {
            println!("acked {place}");
            self.acked += 1;
        }
    }
}

/// Publishes everything, and says so to `done` when standard input has ended; QoS 0 and 1 and 2 alike.
macro_rules! program {
    ($module:ident, $($path:ident)::+, $configure:expr) => {
        mod $module {
            use super::*;
            use $($path)::+::{AsyncClient, Event};
            use rumqttc::Outgoing;
            use $($path)::+::mqttbytes::QoS;
            use $($path)::+::mqttbytes::$module as packets;

            pub async fn main(options: Options) {
                let configured: $($path)::+::MqttOptions = $configure(&options);
                let (client, mut events) = AsyncClient::new(configured, QUEUE);
                let input = messages();
                let places = std::sync::Arc::new(std::sync::Mutex::new(Places::default()));
                let (finished, done) = flume::bounded::<usize>(1);
                let writing = places.clone();
                let publisher = client.clone();
                tokio::spawn(async move {
                    let mut owed = 0;
                    while let Ok(message) = input.recv_async().await {
                        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][message.qos as usize];
                        if message.qos > 0 {
                            writing.lock().unwrap().published.push_back(message.place);
                            owed += 1;
                        }
                        publisher.publish(message.topic, qos, false, message.payload).await.unwrap();
                    }
                    finished.send(owed).unwrap();
                });
                let mut owed: Option<usize> = None;
                let mut leaving = false;
                loop {
                    match events.poll().await {
                        Ok(Event::Incoming(packets::Packet::ConnAck(_))) => println!("connected"),
                        Ok(Event::Outgoing(Outgoing::Publish(id))) => places.lock().unwrap().left(id),
                        Ok(Event::Incoming(packets::Packet::PubAck(ack))) => places.lock().unwrap().acknowledged(ack.pkid),
                        Ok(Event::Incoming(packets::Packet::PubComp(ack))) => places.lock().unwrap().acknowledged(ack.pkid),
                        Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                        Ok(_) => {}
                        Err(error) => {
                            if leaving {
                                return;
                            }
                            eprintln!("{error}");
                            tokio::time::sleep(Duration::from_millis(300)).await;
                        }
                    }
                    if owed.is_none() {
                        owed = done.try_recv().ok();
                    }
                    if !leaving && owed.is_some_and(|count| places.lock().unwrap().acked == count) {
                        leaving = true;
                        // Behind what QoS 0 still has in the queue.
                        client.disconnect().await.unwrap();
                    }
                }
            }
        }
    };
}

program!(v4, rumqttc, |options: &Options| {
    let (host, port) = options.address();
    let mut configured = rumqttc::MqttOptions::new(options.0["client_id"].clone(), host, port);
    configured.set_transport(options.transport());
    configured.set_clean_session(options.get("keep").is_none());
    configured.set_inflight(INFLIGHT);
    configured.set_max_packet_size(LARGEST, LARGEST);
    configured.set_keep_alive(Duration::from_secs(5));
    if let Some(user) = options.get("user") {
        configured.set_credentials(user, options.get("password").unwrap_or_default());
    }
    if let Some(topic) = options.get("will") {
        configured.set_last_will(rumqttc::LastWill::new(topic, WILL, rumqttc::QoS::AtLeastOnce, false));
    }
    configured
});

program!(v5, rumqttc::v5, |options: &Options| {
    let (host, port) = options.address();
    let mut configured = rumqttc::v5::MqttOptions::new(options.0["client_id"].clone(), host, port);
    configured.set_transport(options.transport());
    configured.set_clean_start(options.get("keep").is_none());
    if options.get("keep").is_some() {
        let mut properties = rumqttc::v5::mqttbytes::v5::ConnectProperties::new();
        properties.session_expiry_interval = Some(HOUR);
        configured.set_connect_properties(properties);
    }
    configured.set_outgoing_inflight_upper_limit(INFLIGHT);
    configured.set_keep_alive(Duration::from_secs(5));
    if let Some(user) = options.get("user") {
        configured.set_credentials(user, options.get("password").unwrap_or_default());
    }
    if let Some(topic) = options.get("will") {
        let will = rumqttc::v5::mqttbytes::v5::LastWill::new(
            topic, WILL, rumqttc::v5::mqttbytes::QoS::AtLeastOnce, false, None,
        );
        configured.set_last_will(will);
    }
    configured
});

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let options = Options::parse();
    if options.0["level"] == "5" {
        v5::main(options).await;
    } else {
        v4::main(options).await;
    }
}
