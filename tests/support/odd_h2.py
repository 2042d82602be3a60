"""HTTP/2 for odd_tls.py, with python3-h2."""

import hashlib

import h2.config
import h2.connection
import h2.errors
import h2.events

# "graceful" ends its first connection at the second request.
GOOD = ("fine", "graceful")


def serve(server, secure, number):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    secure.sendall(connection.data_to_send())
    streams = {}
    while data := secure.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                streams[event.stream_id] = [headers[":path"], 0, hashlib.sha256()]
                server.note("h2")
                if server.options.h2 == "graceful":
                    if number == 1 and len(streams) == 1 and event.stream_id > 1:
                        leave(connection, secure)
                        return
                elif server.options.h2 != "fine":
                    spoil(server.options.h2, connection, secure, event.stream_id)
            elif isinstance(event, h2.events.DataReceived) and event.stream_id in streams:
                streams[event.stream_id][1] += len(event.data)
                streams[event.stream_id][2].update(event.data)
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded) and server.options.h2 in GOOD:
                path, length, digest = streams.pop(event.stream_id)
                body = server.said(secure, number, "h2", path, length, digest)
                headers = [(":status", "200"), ("content-length", str(len(body)))]
                connection.send_headers(event.stream_id, headers)
                connection.send_data(event.stream_id, body, end_stream=True)
        secure.sendall(connection.data_to_send())


def leave(connection, secure):
    """Ends the connection like a server that restarts: requests in progress are lost in an
    orderly way."""
    connection.close_connection(h2.errors.ErrorCodes.NO_ERROR, last_stream_id=1)
    secure.sendall(connection.data_to_send())
    secure.unwrap()


def spoil(mode, connection, secure, stream):
    codes = h2.errors.ErrorCodes
    if mode == "reset":
        connection.reset_stream(stream, codes.INTERNAL_ERROR)
    elif mode == "http11":
        connection.reset_stream(stream, codes.HTTP_1_1_REQUIRED)
    elif mode == "goaway":
        connection.close_connection(codes.PROTOCOL_ERROR)
    elif mode == "garbage":
        secure.sendall(connection.data_to_send() + b"\xff" * 64)
        return
    secure.sendall(connection.data_to_send())
    if mode == "goaway":
        secure.unwrap()  # Closing a connection with unread data would overtake it.
