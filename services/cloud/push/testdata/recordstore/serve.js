// This file runs Learning Locker's statement service (GPL-3.0) in memory. It prints the port, and
// ends when its standard input ends. The only key is the argument: LOGIN:SECRET.
const http = require("http");
const path = require("path");
const express = require("express");

const key = `Basic ${Buffer.from(process.argv[2]).toString("base64")}`;
const client = {
	_id: "1", title: "Hill School", organisation: "1", lrs_id: "1", isTrusted: true, scopes: ["all"],
	authority: { objectType: "Agent", name: "Hill School", mbox: "mailto:hill@school.example" },
};

const keys = http.createServer((request, response) => {
	const known = request.headers.authorization === key;
	response.writeHead(known ? 200 : 404, { "Content-Type": "application/json" });
	response.end(known ? JSON.stringify(client) : "");
});

// The service listens on any free port of this machine only.
const { listen } = express.application;
express.application.listen = function listenLocally(_, done) {
	const server = listen.call(this, 0, "127.0.0.1", () => {
		done();
		console.log(server.address().port);
	});
	return server;
};

keys.listen(0, "127.0.0.1", () => {
	Object.assign(process.env, {
		AUTH_REPO: "fetch", EVENTS_REPO: "test", MODELS_REPO: "memory", STORAGE_REPO: "memory", SERVICE_AWAIT_UPDATES: "true",
		LL_CLIENT_INFO_ENDPOINT: `http://127.0.0.1:${keys.address().port}/`, EXPRESS_MORGAN_DIRECTORY: process.argv[3], WINSTON_CONSOLE_LEVEL: "error",
	});
	require(path.join(path.dirname(require.resolve("xapi-statements")), "server.js"));
});

process.stdin.on("end", () => process.exit()).resume();
