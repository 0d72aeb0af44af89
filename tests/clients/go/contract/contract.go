// Package contract is the contract of tests/clients/program.py for programs in Go.
package contract

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Hour is how long a session is to outlive its connection, in seconds.
const Hour = 3600

// Will is the payload of a Will.
var Will = []byte("gone")

// Options are the words of the command line.
type Options struct {
	URL      *url.URL
	ClientID string
	User     string
	Password string
	WillTo   string
	Keep     bool
	TLS      *tls.Config // nil without TLS
}

// Message is a line of standard input.
type Message struct {
	Place   int
	QoS     byte
	Topic   string
	Payload []byte
}

// Parse reads the command line.
func Parse() Options {
	words := map[string]string{}
	for _, word := range os.Args[1:] {
		name, value, _ := strings.Cut(word, "=")
		words[name] = value
	}
	server, err := url.Parse(words["url"])
	Must(err)
	options := Options{
		URL:      server,
		ClientID: words["client_id"],
		User:     words["user"],
		Password: words["password"],
		WillTo:   words["will"],
		Keep:     words["keep"] != "",
	}
	if file := words["ca"]; file != "" {
		pem, err := os.ReadFile(file)
		Must(err)
		authorities := x509.NewCertPool()
		authorities.AppendCertsFromPEM(pem)
		options.TLS = &tls.Config{RootCAs: authorities}
	}
	return options
}

// Each calls publish for every message, to the end of standard input.
func Each(publish func(Message)) {
	lines := bufio.NewReader(os.Stdin)
	for place := 0; ; place++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		qos, err := strconv.Atoi(words[0])
		Must(err)
		payload, err := hex.DecodeString(strings.TrimPrefix(words[2], "-"))
		Must(err)
		publish(Message{place, byte(qos), words[1], payload})
	}
}

// Connected says so.
func Connected() { fmt.Println("connected") }

// Acked says so.
func Acked(place int) { fmt.Println("acked", place) }

// Must ends the program when there is an error.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
