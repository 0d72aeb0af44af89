"""From a PUBLISH and its sender to a Kafka record, or to the reason why there is none. Pure but for the routes file.

router.py         the entry point: routes of the file first, then Hono's grammar
hono.py           Hono's MQTT topics              property_bag.py   what may follow them
routes_file.py    reads and checks the file       file_routes.py    applies its routes
rule.py           one route                       topic_filter.py, template.py   its parts
hono_topics.py    which Kafka topics are Hono's   kafka_names.py    which names Kafka accepts
origin.py         who may publish for whom        record.py         the headers
dead_letter.py    records of refused messages     explain.py        the router's answers, for people
"""
