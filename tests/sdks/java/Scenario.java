import com.pusher.client.Pusher;
import com.pusher.client.PusherOptions;
import com.pusher.client.channel.*;
import com.pusher.client.connection.*;
import com.pusher.rest.data.Event;
import com.pusher.rest.data.PresenceUser;
import com.pusher.rest.data.Result;
import com.google.gson.Gson;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.util.*;
import java.util.concurrent.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Pusher's own Java client and server SDK on the server at $PORT. Prints a line for each thing that happened, and fails
 * if one does not within ten seconds.
 */
public class Scenario {
    static final BlockingQueue<String> happened = new LinkedBlockingQueue<>();
    static final int PORT = Integer.parseInt(System.getenv("PORT"));
    static final com.pusher.rest.Pusher server = new com.pusher.rest.Pusher("1", "key1", "secret1");

    /** Everything that a listener can be told, as a text. */
    static class Listener implements PresenceChannelEventListener, ConnectionEventListener {
        final String name;

        Listener(String name) { this.name = name; }

        void note(String what) { happened.add(name + " " + what); }

        public void onConnectionStateChange(ConnectionStateChange change) {
            if (change.getCurrentState() != ConnectionState.CONNECTING
                    && change.getCurrentState() != ConnectionState.DISCONNECTING) {
                note("is " + change.getCurrentState());
            }
        }
        public void onError(String message, String code, Exception e) { note("error " + code + " " + message); }
        public void onSubscriptionSucceeded(String channel) { note("subscribed " + channel); }
        public void onAuthenticationFailure(String message, Exception e) { note("refused " + message); }
        public void onUsersInformationReceived(String channel, Set<User> users) {
            TreeSet<String> ids = new TreeSet<>();
            for (User user : users) ids.add(user.getId() + "=" + user.getInfo());
            note("sees " + ids);
        }
        public void userSubscribed(String channel, User user) { note("sees " + user.getId() + " come"); }
        public void userUnsubscribed(String channel, User user) { note("sees " + user.getId() + " go"); }
        public void onEvent(PusherEvent event) {
            String by = event.getUserId() == null ? "" : " by " + event.getUserId();
            note(event.getChannelName() + " " + event.getEventName() + " " + event.getData() + by);
        }
    }

    static Pusher client(String key, String user, Listener listener) {
        PusherOptions options = new PusherOptions().setHost("127.0.0.1").setWsPort(PORT).setUseTLS(false)
            .setMaxReconnectionAttempts(0)
            .setChannelAuthorizer((channel, socketId) -> channel.startsWith("presence-")
                ? server.authenticate(socketId, channel, new PresenceUser(user, Map.of("name", user)))
                : server.authenticate(socketId, channel))
            .setUserAuthenticator(socketId -> signedUser(socketId, user));
        Pusher pusher = new Pusher(key, options);
        pusher.connect(listener, ConnectionState.ALL);
        return pusher;
    }

    /** What an endpoint for users answers; the server SDK for Java cannot make it. */
    static String signedUser(String socketId, String user) {
        String userData = "{\"id\":\"" + user + "\"}";
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec("secret1".getBytes(UTF_8), "HmacSHA256"));
            byte[] signature = mac.doFinal((socketId + "::user::" + userData).getBytes(UTF_8));
            String auth = "key1:" + String.format("%064x", new BigInteger(1, signature));
            return new Gson().toJson(Map.of("auth", auth, "user_data", userData));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Sends to a user until it has arrived: the client does not tell when it has subscribed, and `trigger` of the
     * server SDK takes no channel of a user. */
    static void sendToUser(String user, String event, String expected) throws InterruptedException {
        String next;
        int sent = 0;
        List<String> channels = List.of("#server-to-user-" + user);
        do {
            server.post("/events", new Gson().toJson(Map.of("name", event, "data", "1", "channels", channels)));
            next = happened.poll(200, TimeUnit.MILLISECONDS);
        } while (next == null && ++sent < 50);
        System.out.println(next);
        if (!expected.equals(next)) System.exit(1);
    }

    /** Waits until each has happened, in any order, and prints them sorted. */
    static void expect(String... expected) throws InterruptedException {
        Set<String> open = new TreeSet<>(List.of(expected));
        Set<String> others = new TreeSet<>();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!open.isEmpty()) {
            String next = happened.poll(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            if (next == null) {
                System.out.println("did not happen: " + open + "; what did: " + others);
                System.exit(1);
            }
            if (!open.remove(next)) others.add(next);
        }
        for (String one : new TreeSet<>(List.of(expected))) System.out.println(one);
    }

    static void called(String name, Result result) {
        System.out.println(name + " " + result.getHttpStatus() + " " + result.getMessage());
    }

    public static void main(String[] arguments) throws Exception {
        server.setHost("127.0.0.1:" + PORT);
        server.setEncrypted(false);

        Listener anns = new Listener("ann"), bobs = new Listener("bob");
        Pusher ann = client("key1", "ann", anns), bob = client("key1", "7", bobs);
        expect("ann is CONNECTED", "bob is CONNECTED");

        ann.subscribe("orders", anns, "created");
        PrivateChannel whispering = ann.subscribePrivate("private-x", anns, "client-typing");
        bob.subscribePrivate("private-x", bobs, "client-typing");
        expect("ann subscribed orders", "ann subscribed private-x", "bob subscribed private-x");
        ann.subscribePresence("presence-room", anns, "client-typing");
        expect("ann sees [ann={\"name\":\"ann\"}]");
        PresenceChannel room = bob.subscribePresence("presence-room", bobs);
        expect("ann sees 7 come", "bob sees [7={\"name\":\"7\"}, ann={\"name\":\"ann\"}]");

        called("trigger", server.trigger("orders", "created", Map.of("a", "é")));
        expect("ann orders created {\"a\":\"é\"}");
        whispering.trigger("client-typing", "{\"on\":true}");
        expect("bob private-x client-typing {\"on\":true}");
        room.trigger("client-typing", "{\"on\":false}");
        expect("ann presence-room client-typing {\"on\":false} by 7");

        ann.subscribe("cache-last", anns, "pusher:cache_miss", "kept");
        expect("ann cache-last pusher:cache_miss {}");
        called("trigger-cached", server.trigger("cache-last", "kept", Map.of("n", 1)));
        expect("ann cache-last kept {\"n\":1}");

        called("batch", server.trigger(List.of(new Event("orders", "created", 1), new Event("orders", "created", 2))));
        expect("ann orders created 1", "ann orders created 2");
        called("channels", server.get("/channels", Map.of("filter_by_prefix", "presence-", "info", "user_count")));
        called("users", server.get("/channels/presence-room/users"));

        String webhook = System.getenv("WEBHOOK"), signature = System.getenv("WEBHOOK_SIGNATURE");
        System.out.println("webhook " + server.validateWebhookSignature("key1", signature, webhook));
        System.out.println("forged " + server.validateWebhookSignature("key1", "00", webhook));
        System.out.println("foreign " + server.validateWebhookSignature("key2", signature, webhook));

        ann.user().bind("note", anns);
        ann.signin();
        sendToUser("ann", "note", "ann #server-to-user-ann note 1");

        bob.disconnect();
        expect("ann sees 7 go", "bob is DISCONNECTED");
        client("no-such-key", "eve", new Listener("eve"));
        expect("eve error 4001 Application does not exist");
        ann.disconnect();
        System.out.println("done");
        System.exit(0);
    }
}
