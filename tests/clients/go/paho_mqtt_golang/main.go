// paho.mqtt.golang: MQTT 3.1.1.
package main

import (
	"sync"
	"time"

	"clients/contract"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

func main() {
	options := contract.Parse()
	config := mqtt.NewClientOptions().
		AddBroker(options.URL.String()).
		SetProtocolVersion(4).
		SetClientID(options.ClientID).
		SetUsername(options.User).
		SetPassword(options.Password).
		SetCleanSession(!options.Keep).
		SetTLSConfig(options.TLS).
		SetMaxReconnectInterval(time.Second).
		SetOnConnectHandler(func(mqtt.Client) { contract.Connected() })
	if options.WillTo != "" {
		config.SetBinaryWill(options.WillTo, contract.Will, 1, false)
	}
	client := mqtt.NewClient(config)
	connecting := client.Connect()
	connecting.Wait()
	contract.Must(connecting.Error())

	var publishing sync.WaitGroup
	contract.Each(func(message contract.Message) {
		token := client.Publish(message.Topic, message.QoS, false, message.Payload)
		publishing.Add(1)
		go func() {
			defer publishing.Done()
			token.Wait()
			contract.Must(token.Error())
			if message.QoS > 0 {
				contract.Acked(message.Place)
			}
		}()
	})
	publishing.Wait()
	client.Disconnect(250)
}
