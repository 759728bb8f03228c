"""A WHIP encoder or a WHEP player made with GStreamer's webrtcbin.

    gst.py publish|watch URL TOKEN

Prints a line of JSON when something happens and ends when standard input does. A
publisher sends a test picture (320x240, 15 a second) and a tone. A player counts the
pictures and the sounds that it has decoded.
"""

import json
import sys
import threading
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000"

PUBLISH = (
    "webrtcbin name=w bundle-policy=max-bundle "
    "audiotestsrc is-live=true ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=111 ! queue ! " + AUDIO + " ! w. "
    "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 ! videoconvert ! "
    "vp8enc deadline=1 keyframe-max-dist=15 target-bitrate=300000 ! rtpvp8pay pt=96 picture-id-mode=15-bit ! queue ! " + VIDEO + " ! w."
)

# a pipeline, and not the lone element, because of the second
WATCH = "webrtcbin name=w bundle-policy=max-bundle fakesrc num-buffers=1 ! fakesink async=false"

DECODE = {
    "video": "rtpvp8depay ! vp8dec ! videoconvert ! video/x-raw,format=RGB ! fakesink name=sink sync=false signal-handoffs=true",
    "audio": "rtpopusdepay ! opusdec ! fakesink name=sink sync=false signal-handoffs=true",
}


def say(**what):
    print(json.dumps(what), flush=True)


class Program:
    def __init__(self, mode, url, token):
        self.mode, self.url, self.token, self.session = mode, url, token, None
        self.counts, self.offered, self.kept = {"video": 0, "audio": 0}, False, []
        self.loop = GLib.MainLoop()
        self.pipe = Gst.parse_launch(PUBLISH if mode == "publish" else WATCH)
        self.w = self.pipe.get_by_name("w")
        self.w.connect("on-negotiation-needed", self.negotiate)
        self.w.connect("notify::connection-state", lambda w, _: say(state=w.get_property("connection-state").value_nick))
        if mode == "watch":
            self.w.connect("pad-added", self.decode)
            for caps in (AUDIO, VIDEO):
                self.w.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        bus = self.pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)

    def failed(self, _, message):
        say(error=str(message.parse_error()))
        self.loop.quit()

    def negotiate(self, w):
        if self.offered:
            return
        self.offered = True
        if self.mode == "publish":
            for i in range(2):
                w.emit("get-transceiver", i).set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        w.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offer, None))

    def offer(self, promise, *_):
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.kept += [promise, reply, offer]  # the binding does not hold what these point to
        self.w.emit("set-local-description", offer, Gst.Promise.new())
        text = offer.sdp.as_text()
        threading.Thread(target=self.post, args=(text,), daemon=True).start()

    def request(self, method, url, body=None):
        head = {"Authorization": "Bearer " + self.token, "Content-Type": "application/sdp"}
        return urllib.request.urlopen(urllib.request.Request(url, body, head, method=method), timeout=10)

    def post(self, text):
        try:
            with self.request("POST", self.url, text.encode()) as res:
                self.session, answer = res.headers["Location"], res.read()
            say(status=res.status)
        except urllib.error.HTTPError as e:
            say(error=e.read().decode(), offer=text)
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer, sdp)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.kept += [sdp, answer]
        self.w.emit("set-remote-description", answer, Gst.Promise.new())

    def decode(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        chain = Gst.parse_bin_from_description(DECODE[kind], True)
        chain.get_by_name("sink").connect("handoff", self.count, kind)
        self.pipe.add(chain)
        chain.sync_state_with_parent()
        pad.link(chain.get_static_pad("sink"))

    def count(self, _sink, buf, _pad, kind):
        self.counts[kind] += 1
        if self.counts[kind] % 15 == 0:
            say(decoded=kind, count=self.counts[kind], bytes=buf.get_size())

    def stdin(self):
        sys.stdin.read()
        self.loop.quit()

    def run(self):
        threading.Thread(target=self.stdin, daemon=True).start()
        self.pipe.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.session:
            say(deleted=self.request("DELETE", self.session).status)
        self.pipe.set_state(Gst.State.NULL)


Gst.init(None)
Program(*sys.argv[1:]).run()
