// Calls each method of Pusher's Go SDK on the server at $PORT, where Ann is on presence-room and on orders, and gives it the
// webhook of $WEBHOOK with the signature of $WEBHOOK_SIGNATURE. Prints a line for each call: its name and what it returned,
// as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/pusher/pusher-http-go/v5"
)

func say(name string, value any, err error) {
	if err != nil {
		value = map[string]string{"error": err.Error()}
	}
	text, _ := json.Marshal(value)
	fmt.Printf("%s %s\n", name, text)
}

func main() {
	client := pusher.Client{
		AppID: "1", Key: "key1", Secret: "secret1", Host: "127.0.0.1:" + os.Getenv("PORT"), Secure: false,
	}
	info, both := "user_count", "user_count,subscription_count"
	data := map[string]string{"a": "é"}

	say("trigger", nil, client.Trigger("orders", "created", data))
	say("trigger-multi", nil, client.TriggerMulti([]string{"orders", "presence-room"}, "several", data))
	described, err := client.TriggerWithParams("presence-room", "described", data, pusher.TriggerParams{Info: &both})
	say("trigger-info", described, err)
	batch, err := client.TriggerBatch([]pusher.Event{
		{Channel: "orders", Name: "one", Data: data}, {Channel: "presence-room", Name: "two", Data: data},
	})
	say("batch", batch, err)
	batch, err = client.TriggerBatch([]pusher.Event{
		{Channel: "presence-room", Name: "three", Data: data, Info: &info}, {Channel: "orders", Name: "four", Data: data},
	})
	say("batch-info", batch, err)
	say("send-to-user", nil, client.SendToUser("ann", "hello", data))

	prefix := "presence-"
	channels, err := client.Channels(pusher.ChannelsParams{FilterByPrefix: &prefix, Info: &info})
	say("channels", channels, err)
	channel, err := client.Channel("presence-room", pusher.ChannelParams{Info: &both})
	say("channel", channel, err)
	channel, err = client.Channel("nobody", pusher.ChannelParams{})
	say("channel-empty", channel, err)
	users, err := client.GetChannelUsers("presence-room")
	say("users", users, err)
	users, err = client.GetChannelUsers("presence-empty")
	say("users-empty", users, err)
	_, err = client.GetChannelUsers("orders")
	say("users-public-refused", err != nil, nil)

	auth, err := client.AuthorizePrivateChannel([]byte("socket_id=1.2&channel_name=private-x"))
	say("authorize", string(auth), err)

	header := http.Header{}
	header.Set("X-Pusher-Key", "key1")
	header.Set("X-Pusher-Signature", os.Getenv("WEBHOOK_SIGNATURE"))
	webhook, err := client.Webhook(header, []byte(os.Getenv("WEBHOOK")))
	say("webhook", webhook, err)
	header.Set("X-Pusher-Signature", "00")
	_, err = client.Webhook(header, []byte(os.Getenv("WEBHOOK")))
	say("webhook-forged-refused", err != nil, nil)
}
