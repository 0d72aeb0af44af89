/* libmosquitto, with its own thread. The contract is that of tests/clients/program.py. */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDENTIFIERS = 65536, HOUR = 3600, KEEP_ALIVE = 60, LONGEST_LINE = 1 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int places[IDENTIFIERS]; /* place + 1 of what is published; -1: published before its place was known */
static int qos_of[IDENTIFIERS];
static int waiting, connected_once;

static const char *word(int argc, char **argv, const char *name) {
    size_t length = strlen(name);
    for (int n = 1; n < argc; n++)
        if (!strncmp(argv[n], name, length) && argv[n][length] == '=') return argv[n] + length + 1;
    return NULL;
}

static void must(int code, const char *what) {
    if (code != MOSQ_ERR_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what, mosquitto_strerror(code));
        exit(1);
    }
}

static void on_connect(struct mosquitto *client, void *unused, int code, int flags, const mosquitto_property *list) {
    (void)client, (void)unused, (void)flags, (void)list;
    if (code) {
        fprintf(stderr, "refused: %d\n", code);
        return;
    }
    pthread_mutex_lock(&lock);
    puts("connected");
    connected_once = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* For QoS 1 and 2 when acknowledged, for QoS 0 when sent. */
static void on_publish(struct mosquitto *client, void *unused, int id, int code, const mosquitto_property *list) {
    (void)client, (void)unused, (void)list;
    if (code >= 0x80) {
        fprintf(stderr, "refused: %d\n", code);
        exit(1);
    }
    pthread_mutex_lock(&lock);
    if (places[id] > 0) {
        if (qos_of[id]) printf("acked %d\n", places[id] - 1);
        places[id] = 0;
        waiting--;
    } else {
        places[id] = -1;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void publish(struct mosquitto *client, int place, char *line) {
    char *qos = strtok(line, " "), *topic = strtok(NULL, " "), *hex = strtok(NULL, " \n");
    size_t size = strcmp(hex, "-") ? strlen(hex) / 2 : 0;
    unsigned char *payload = malloc(size + 1);
    for (size_t n = 0; n < size; n++) {
        unsigned value;
        sscanf(hex + 2 * n, "%2x", &value);
        payload[n] = (unsigned char)value;
    }
    int id = 0;
    must(mosquitto_publish_v5(client, &id, topic, (int)size, payload, atoi(qos), false, NULL), "publish");
    free(payload);
    pthread_mutex_lock(&lock);
    if (places[id] == -1) { /* it was quicker than we */
        if (atoi(qos)) printf("acked %d\n", place);
        places[id] = 0;
    } else {
        places[id] = place + 1;
        qos_of[id] = atoi(qos);
        waiting++;
    }
    pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv) {
    char scheme[8], host[64];
    int port, of_5 = !strcmp(word(argc, argv, "level"), "5");
    const char *keep = word(argc, argv, "keep"), *ca = word(argc, argv, "ca"), *will = word(argc, argv, "will");
    if (sscanf(word(argc, argv, "url"), "%7[a-z]://%63[^:]:%d", scheme, host, &port) != 3) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(word(argc, argv, "client_id"), !keep, NULL);
    must(mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, of_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311), "version");
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_publish_v5_callback_set(client, on_publish);
    mosquitto_reconnect_delay_set(client, 1, 1, false);
    mosquitto_max_inflight_messages_set(client, 100);
    if (word(argc, argv, "user"))
        must(mosquitto_username_pw_set(client, word(argc, argv, "user"), word(argc, argv, "password")), "user");
    if (ca) must(mosquitto_tls_set(client, ca, NULL, NULL, NULL, NULL), "ca");
    if (will) must(mosquitto_will_set_v5(client, will, 4, "gone", 1, false, NULL), "will");
    mosquitto_property *properties = NULL;
    if (of_5 && keep) mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, HOUR);
    must(mosquitto_connect_bind_v5(client, host, port, KEEP_ALIVE, NULL, properties), "connect");
    must(mosquitto_loop_start(client), "loop");
    pthread_mutex_lock(&lock);
    while (!connected_once) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    char *line = malloc(LONGEST_LINE);
    for (int place = 0; fgets(line, LONGEST_LINE, stdin); place++) publish(client, place, line);
    pthread_mutex_lock(&lock);
    while (waiting) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    must(mosquitto_disconnect_v5(client, 0, NULL), "disconnect");
    must(mosquitto_loop_stop(client, false), "stop");
    free(line);
    return 0;
}
