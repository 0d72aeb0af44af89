"""From a PUBLISH and who sent it to a Kafka record, or to why there is none. Pure; the routes file is read once.

router.py         the entry: routes of the file first, then Hono's grammar
hono.py           Hono's topics            property_bag.py   what may follow them
routes_file.py    reading and checking     file_routes.py    applying
rule.py           one route                topic_filter.py, template.py   what it is made of
origin.py         who may speak for whom   record.py         the headers
explain.py        the same answers, for people
"""
