"""The bus between machines: RPC by oslo.messaging, over RabbitMQ in reality. Decides nothing, and keeps nothing.

Control listens on the topic `evener-controller`, an agent on `evener-agent` as the server HOST, in an exchange of our
own; documents travel as the JSON of their models. Graphs hold certificates' keys: the transport has to be trusted.
"""

import logging
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from oslo_config import cfg

from evener import threads
from evener.bus.base import Agent, Controller
from evener.bus.outbox import Message, Outbox
from evener.bus.remote import AgentEndpoint, ControllerEndpoint, RemoteAgent, RemoteController
from evener.resources.errors import CallUnknown, Unavailable

# A library below imports eventlet wherever it is installed, and both tell all who run it of it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
logging.getLogger("oslo_service").setLevel(logging.WARNING)
import oslo_messaging  # noqa: E402

LOG = logging.getLogger(__name__)
EXCHANGE, VERSION = "evener", "1.0"
CONTROLLER_TOPIC, AGENT_TOPIC, NOBODYS_TOPIC = "evener-controller", "evener-agent", "evener-nobody"
CALL_S = 10  # until an agent gives a call up; `rpc_response_timeout` says otherwise
OBSERVE_S = 3  # a user waits for it
PAUSE_S = 5  # the longest between two tries to reach RabbitMQ
CLOSE_S = 2
THREADS = 16  # that answer calls
RETRIES = 1  # a connection that has been idle may be dead; the next one is not
RABBIT = "oslo_messaging_rabbit"
NO_SUCH_METHOD = "NoSuchMethod"  # how oslo.messaging says that the other end does not know a call


class MessagingBus:
    """Implements `evener.bus.base.Bus`. Connects in the background, and again whenever the connection is lost.

    A call is sent once, and waited for with a limit. What agents are told is sent in the background, once: who comes
    (back) looks at all by itself, so no queue outlives the one who reads it.

    Raises:
        Unavailable: when `transport_url` is none that can be used; it has a password, and is not quoted.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        # Some of oslo.messaging's options are declared in the settings of the whole process, which nothing else of
        # ours uses; so it gets those, and they are read from the same files.
        own = cfg.CONF
        own([], default_config_files=conf.config_file or [], default_config_dirs=conf.config_dir or [])
        try:
            self._transport = oslo_messaging.get_rpc_transport(own, url=conf.transport_url)
            self._controllers = self._client(CONTROLLER_TOPIC)
            self._agents = self._client(AGENT_TOPIC)
            own.set_default("rpc_response_timeout", CALL_S)
            if RABBIT in own:
                own.set_default("amqp_auto_delete", default=True, group=RABBIT)
                own.set_default("rabbit_interval_max", PAUSE_S, group=RABBIT)
        except Exception as error:  # noqa: BLE001 - of many types, and their messages may quote the URL
            raise Unavailable(
                f"transport_url cannot be used ({type(error).__name__}); its form is"
                " rabbit://USER:PASSWORD@HOST:5672/"
            ) from None
        self._own, self._url = own, conf.transport_url
        self._others: list[Any] = []
        self._timeout_s: float = own.rpc_response_timeout
        self._connected, self._closed = threading.Event(), threading.Event()
        self._servers: list[Any] = []
        self._outbox = Outbox(self._send)

    def _client(self, topic: str) -> Any:
        target = oslo_messaging.Target(exchange=EXCHANGE, topic=topic, version=VERSION)
        known = oslo_messaging.TransportOptions(at_least_once=True)  # else a call waits for who is not there
        return oslo_messaging.get_rpc_client(self._transport, target, retry=RETRIES, transport_options=known)

    def client_of(self, exchange: str, topic: str, version: str) -> Any:
        """Return a client of another service's RPC, on the same RabbitMQ and with the settings of the same files.

        That has connections of its own: RabbitMQ refuses an exchange that is not said to be as its owner made it, and
        ours vanish with the last who uses them.
        """
        url = oslo_messaging.TransportURL.parse(self._own, self._url)
        if RABBIT in self._own:
            found = self._own.get_location("amqp_auto_delete", RABBIT)
            said = found is not None and found.location.is_user_controlled
            url.query["amqp_auto_delete"] = str(said and self._own[RABBIT].amqp_auto_delete)
        transport = oslo_messaging.get_rpc_transport(self._own, url=url)
        self._others.append(transport)
        target = oslo_messaging.Target(exchange=exchange, topic=topic, version=version)
        return oslo_messaging.get_rpc_client(transport, target, retry=RETRIES)

    def serve_controller(self, controller: Controller) -> None:
        """Answer agents' calls with `controller` as soon as RabbitMQ can be reached."""
        self._serve(CONTROLLER_TOPIC, "controller", ControllerEndpoint(controller))

    def serve_agent(self, host: str, agent: Agent) -> None:
        """Answer control's calls for `host` with `agent` as soon as RabbitMQ can be reached."""
        self._serve(AGENT_TOPIC, host, AgentEndpoint(agent))

    def join(self) -> None:
        """Connect, as soon as RabbitMQ can be reached."""
        threads.lasting("connect", self._join).start()

    def controller(self) -> Controller:
        """Return control, for an agent."""
        return RemoteController(self)

    def agent(self, host: str) -> Agent:
        """Return the agent on `host`, for control."""
        return RemoteAgent(self, host)

    def close(self) -> None:
        """Stop answering and telling. Waits for RabbitMQ a few seconds, if at all."""
        self._closed.set()
        self._connected.set()  # nobody waits any longer
        self._outbox.close()
        leaving = threading.Thread(target=self._leave, daemon=True)  # noqa: TID251 - ends with the call
        leaving.start()
        leaving.join(CLOSE_S)

    def _leave(self) -> None:
        for server in self._servers:
            server.stop()
            server.wait()
        for transport in (self._transport, *self._others):
            transport.cleanup()

    def _serve(self, topic: str, server: str, endpoint: Any) -> None:
        target = oslo_messaging.Target(exchange=EXCHANGE, topic=topic, server=server)
        threads.lasting("connect", partial(self._connect, target, endpoint)).start()

    def _connect(self, target: Any, endpoint: Any) -> None:
        def start() -> None:
            server = oslo_messaging.get_rpc_server(self._transport, target, [endpoint])
            server.start(override_pool_size=THREADS)  # returns once RabbitMQ has been reached
            self._make_ready()
            self._servers.append(server)

        if self._reached(start):
            LOG.info("The bus is joined as %s", target.topic)

    def _join(self) -> None:
        if self._reached(self._make_ready):
            LOG.info("The bus is joined")

    def _reached(self, start: Callable[[], None]) -> bool:
        """Do `start`, again and again until RabbitMQ is reached; return whether it was before all is closed."""
        while not self._closed.is_set():
            try:
                start()
            except Exception as error:  # noqa: BLE001 - whatever it is: say so, and try again
                LOG.error("The bus cannot be joined; trying again in %d s: %s", PAUSE_S, error)
                self._closed.wait(PAUSE_S)
                continue
            self._connected.set()
            return True
        return False

    def _make_ready(self) -> None:
        # A client's first call waits without limit while there is no RabbitMQ; this one is in nobody's way.
        try:
            self._controllers.prepare(topic=NOBODYS_TOPIC, timeout=0.01).call({}, "nothing")
        except (oslo_messaging.MessagingTimeout, oslo_messaging.MessageUndeliverable):
            return

    def tell(self, message: Message) -> None:
        """Send a message in the background; where that does not succeed at once it is lost."""
        self._outbox.put(message)

    def _send(self, message: Message) -> None:
        about = {} if message.loadbalancer_id is None else {"loadbalancer_id": message.loadbalancer_id}
        to = self._agents.prepare(server=message.host)
        self._carry(_agent_on(message.host), lambda: to.cast({}, message.method, **about))

    def call_agent(self, host: str, method: str, **arguments: Any) -> Any:
        """Return what the agent on `host` answers within `OBSERVE_S`.

        Raises:
            Unavailable: when it does not.
        """
        to = self._agents.prepare(server=host, timeout=OBSERVE_S)
        return self._carry(_agent_on(host), lambda: to.call({}, method, **arguments))

    def call_controller(self, method: str, **arguments: Any) -> Any:
        """Return what control answers.

        Raises:
            Unavailable: when it does not in time.
        """
        self._connected.wait(self._timeout_s)
        return self._carry("the controller", lambda: self._controllers.call({}, method, **arguments))

    def _carry(self, whom: str, work: Callable[[], Any]) -> Any:
        if self._closed.is_set():
            raise Unavailable(f"{whom} is not reached: this end has been closed")
        if not self._connected.is_set():
            raise Unavailable(f"{whom} is not reached: RabbitMQ does not answer; see that it runs")
        try:
            return work()
        except oslo_messaging.MessagingTimeout:
            raise Unavailable(
                f"{whom} does not answer in time; see that it runs, with the same transport_url"
            ) from None
        except oslo_messaging.MessageUndeliverable:
            raise Unavailable(
                f"{whom} is not on the bus; see that it runs, with the same transport_url"
            ) from None
        except oslo_messaging.RemoteError as error:
            kind = CallUnknown if error.exc_type == NO_SUCH_METHOD else Unavailable
            raise kind(f"{whom} cannot answer: {error.exc_type}: {error.value}") from None
        except Exception as error:  # of as many types as there are layers below
            raise Unavailable(f"RabbitMQ takes no message for {whom}; see that it runs: {error}") from error


def _agent_on(host: str) -> str:
    return f"the agent on {host}"
