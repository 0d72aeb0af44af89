// autopaho, the part of paho.golang that connects again: MQTT 5.0.
package main

import (
	"context"
	"net/url"
	"sync"
	"time"

	"clients/contract"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/autopaho/queue/memory"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
)

// acknowledged is a session that tells of acknowledgements: autopaho's queue, which keeps the order and publishes again
// after a reconnect, does not. Messages enter the session in the order of the queue; QoS 0 does not enter it.
type acknowledged struct {
	session.SessionManager
	places  chan int
	waiting sync.WaitGroup
}

func (s *acknowledged) AddToSession(ctx context.Context, packet session.Packet, resp chan<- packets.ControlPacket) error {
	answered := make(chan packets.ControlPacket, 1)
	if err := s.SessionManager.AddToSession(ctx, packet, answered); err != nil {
		return err
	}
	place := <-s.places
	go func() {
		answer := <-answered
		resp <- answer
		if answer.Type == packets.PUBACK || answer.Type == packets.PUBCOMP {
			contract.Acked(place)
		}
		s.waiting.Done()
	}()
	return nil
}

func main() {
	options := contract.Parse()
	kept := &acknowledged{SessionManager: state.NewInMemory(), places: make(chan int, 1000)}
	queue := memory.New()
	config := autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{options.URL},
		TlsCfg:                        options.TLS,
		KeepAlive:                     60,
		CleanStartOnInitialConnection: !options.Keep,
		ReconnectBackoff:              autopaho.NewConstantBackoff(500 * time.Millisecond),
		OnConnectionUp:                func(*autopaho.ConnectionManager, *paho.Connack) { contract.Connected() },
		Queue:                         queue,
		ConnectUsername:               options.User,
		ConnectPassword:               []byte(options.Password),
		ClientConfig:                  paho.ClientConfig{ClientID: options.ClientID, Session: kept},
	}
	if options.Keep {
		config.SessionExpiryInterval = contract.Hour
	}
	if options.WillTo != "" {
		config.WillMessage = &paho.WillMessage{Topic: options.WillTo, Payload: contract.Will, QoS: 1}
	}
	background := context.Background()
	client, err := autopaho.NewConnection(background, config)
	contract.Must(err)
	contract.Must(client.AwaitConnection(background))

	contract.Each(func(message contract.Message) {
		if message.QoS > 0 {
			kept.waiting.Add(1)
			kept.places <- message.Place
		}
		packet := &paho.Publish{Topic: message.Topic, QoS: message.QoS, Payload: message.Payload}
		contract.Must(client.PublishViaQueue(background, &autopaho.QueuePublish{Publish: packet}))
	})
	kept.waiting.Wait()
	<-queue.WaitForEmpty()
	contract.Must(client.Disconnect(background))
}
