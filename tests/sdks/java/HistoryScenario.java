import com.pusher.client.Pusher;
import com.pusher.client.PusherOptions;
import com.pusher.client.channel.*;
import com.pusher.client.connection.ConnectionState;
import com.pusher.rest.data.PresenceUser;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.*;

/**
 * Pusher's own Java client on the server at $PORT, on channels with history. Prints a line for each thing that was waited
 * for, and at the end all events that each client was told, in order.
 */
public class HistoryScenario {
    static final com.pusher.rest.Pusher server = new com.pusher.rest.Pusher(
        "1", "key1", "secret1", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    static final List<String> heard = Collections.synchronizedList(new ArrayList<>());

    /** Says of an event also whether it came with a position. */
    static class Listener extends Scenario.Listener implements PrivateEncryptedChannelEventListener {
        Listener(String name) { super(name); }

        public void onDecryptionFailure(String event, String reason) { note("cannot decrypt " + event + ": " + reason); }

        @Override
        public void onEvent(PusherEvent event) {
            // `getProperty` tells nothing of members that the library does not know.
            JsonElement id = new Gson().fromJson(event.toJson(), JsonObject.class).get("id");
            boolean isPosition = id != null && id.getAsString().matches("[0-9a-z]{1,16}-[0-9]{1,16}");
            String by = event.getUserId() == null ? "" : " by " + event.getUserId();
            String what = event.getChannelName() + " " + event.getEventName() + " " + event.getData() + by
                + (isPosition ? " with a position" : "");
            heard.add(name + " " + what);
            note(what);
        }
    }

    static Pusher client(String user, Listener listener) {
        PusherOptions options = new PusherOptions().setHost("127.0.0.1").setWsPort(Scenario.PORT).setUseTLS(false)
            .setChannelAuthorizer((channel, socketId) -> channel.startsWith("presence-")
                ? server.authenticate(socketId, channel, new PresenceUser(user, Map.of("name", user)))
                : server.authenticate(socketId, channel));
        Pusher pusher = new Pusher("key1", options);
        pusher.connect(listener, ConnectionState.ALL);
        return pusher;
    }

    static void publish(String channel, Object data) {
        int status = server.trigger(channel, "said", data).getHttpStatus();
        if (status != 200) throw new IllegalStateException("trigger " + status);
    }

    public static void main(String[] arguments) throws Exception {
        server.setHost("127.0.0.1:" + Scenario.PORT);
        server.setEncrypted(false);
        Listener anns = new Listener("ann"), bobs = new Listener("bob");
        Pusher ann = client("ann", anns), bob = client("7", bobs);
        Scenario.expect("ann is CONNECTED", "bob is CONNECTED");

        ann.subscribe("room", anns, "said");
        Scenario.expect("ann subscribed room");
        publish("room", Map.of("id", "é"));
        Scenario.expect("ann room said {\"id\":\"é\"} with a position");

        ann.subscribePresence("presence-room", anns, "said", "client-typing");
        Scenario.expect("ann sees [ann={\"name\":\"ann\"}]");
        publish("presence-room", 1);
        Scenario.expect("ann presence-room said 1 with a position");
        // Now the confirmation has the position of an event.
        PresenceChannel room = bob.subscribePresence("presence-room", bobs, "said", "client-typing");
        Scenario.expect("ann sees 7 come", "bob sees [7={\"name\":\"7\"}, ann={\"name\":\"ann\"}]");
        publish("presence-room", 2);
        Scenario.expect("ann presence-room said 2 with a position", "bob presence-room said 2 with a position");
        room.trigger("client-typing", "{\"on\":true}");
        Scenario.expect("ann presence-room client-typing {\"on\":true} by 7 with a position");

        ann.subscribePrivateEncrypted("private-encrypted-room", anns, "said");
        Scenario.expect("ann subscribed private-encrypted-room");
        publish("private-encrypted-room", Map.of("secret", "é"));
        // What the library has decrypted is an event of its own making, without what it does not know.
        Scenario.expect("ann private-encrypted-room said {\"secret\":\"é\"}");
        publish("cache-room", 0);
        ann.subscribe("cache-room", anns, "said");
        Scenario.expect("ann subscribed cache-room", "ann cache-room said 0 with a position");

        // It does not ask for what it missed, so it does not get it.
        bob.disconnect();
        Scenario.expect("bob is DISCONNECTED", "ann sees 7 go");
        publish("presence-room", 3);
        bob.connect();
        Scenario.expect("bob sees [7={\"name\":\"7\"}, ann={\"name\":\"ann\"}]", "ann sees 7 come");
        publish("presence-room", 4);
        Scenario.expect("ann presence-room said 4 with a position", "bob presence-room said 4 with a position");

        for (String name : List.of("ann", "bob")) {
            for (String one : List.copyOf(heard)) if (one.startsWith(name)) System.out.println("heard: " + one);
        }
        System.exit(0);
    }
}
