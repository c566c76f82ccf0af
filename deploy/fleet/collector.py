"""From the broker into the database: a FastStream application (https://faststream.ag2.ai), run by `faststream run`.

A message is acknowledged to the broker once its row is committed, so that neither a killed collector nor a killed database
loses one: the broker keeps what was not acknowledged, in a session that outlives both. A message that comes twice is one
row (schema.sql).
"""

import asyncio
import contextlib
import os
import socket

import psycopg
from faststream import AckPolicy, FastStream
from faststream.mqtt import MQTTBroker, MQTTMessage
from faststream.security import SASLPlaintext
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from zmqtt import QoS, ReconnectConfig

# As many rows are committed at once; the broker holds back the rest.
AT_ONCE = 16
WEEK = 7 * 24 * 3600

user, password_file = os.environ.get("FLEET_MQTT_USER"), os.environ.get("FLEET_MQTT_PASSWORD_FILE")
security = None
if user:
    with open(password_file, encoding="utf-8") as file:
        security = SASLPlaintext(username=user, password=file.read().strip())
broker = MQTTBroker(
    os.environ.get("FLEET_BROKER", "mqtt://localhost:1883"),
    client_id=os.environ.get("FLEET_CLIENT", f"collector-{socket.gethostname()}"),
    clean_session=False,
    session_expiry_interval=WEEK,
    keepalive=15,
    reconnect=ReconnectConfig(initial_delay=0.5, max_delay=10, max_attempts=None),
    ack_policy=AckPolicy.NACK_ON_ERROR,
    security=security,
)
app = FastStream(broker)
pool = AsyncConnectionPool(
    os.environ.get("FLEET_DATABASE", "dbname=fleet"), min_size=2, max_size=AT_ONCE, open=False,
    check=AsyncConnectionPool.check_connection, kwargs={"autocommit": True},
)
prefix = os.environ.get("FLEET_TOPIC", "leukoscope")


@app.on_startup
async def opened():
    await pool.open()


@app.after_shutdown
async def closed():
    await pool.close()


async def take(message):
    text = message.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    async with pool.connection(timeout=10) as connection:
        await connection.execute("select fleet.take(%s, %s)", (message.raw_message.topic, text))


@broker.subscriber(f"{prefix}/+/result", qos=QoS.AT_LEAST_ONCE, max_workers=AT_ONCE, no_reply=True)
@broker.subscriber(f"{prefix}/+/availability", qos=QoS.AT_LEAST_ONCE, no_reply=True)
async def kept(message: MQTTMessage):
    """Tries until the database has it; only then does FastStream acknowledge."""
    while True:
        try:
            return await take(message)
        except (psycopg.OperationalError, PoolTimeout):
            await asyncio.sleep(1)


@broker.subscriber(f"{prefix}/+/state", qos=QoS.AT_MOST_ONCE, max_workers=4, no_reply=True)
async def newest(message: MQTTMessage):
    """Only the newest state counts: one that meets no database is dropped."""
    with contextlib.suppress(psycopg.OperationalError, PoolTimeout):
        await take(message)
