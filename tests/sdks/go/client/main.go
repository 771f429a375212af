// A Go client of the Pusher protocol on the server at $PORT, on the channel "room". Events are published with Pusher's Go
// SDK. Prints a line for each event that the client was told: its name and its data. (The library does not tell the
// channel, and has only public ones.)
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	client "github.com/avdva/go-pusher"
	server "github.com/pusher/pusher-http-go/v5"
)

func try(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// The next event of those that are bound to this name.
func next(events chan *client.Event) string {
	select {
	case event := <-events:
		if event == nil {
			log.Fatal("the connection has ended")
		}
		fmt.Println(event.Event, event.Data)
		return event.Data
	case <-time.After(10 * time.Second):
		log.Fatal("no event came")
	}
	return ""
}

func main() {
	address := "127.0.0.1:" + os.Getenv("PORT")
	sdk := server.Client{AppID: "1", Key: "key1", Secret: "secret1", Host: address}
	ann, err := client.NewCustomClient("key1", address, "ws")
	try(err)
	confirmed, err := ann.Bind("pusher_internal:subscription_succeeded")
	try(err)
	said, err := ann.Bind("said")
	try(err)

	try(ann.Subscribe("room"))
	next(confirmed)
	for number := 1; number <= 3; number++ {
		try(sdk.Trigger("room", "said", map[string]any{"n": number, "id": "é"}))
		next(said)
	}

	// A confirmation after events have been published, too.
	try(ann.Unsubscribe("room"))
	try(ann.Subscribe("room"))
	next(confirmed)
	try(sdk.Trigger("room", "said", "again"))
	next(said)
	ann.Close()
}
