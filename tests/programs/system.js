// SPDX-License-Identifier: GPL-2.0
// Node: its collector, files, worker threads that share memory, a server and a client of its own, children, signals, compression.
'use strict';
const assert = require('assert');
const child = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const threads = require('worker_threads');
const zlib = require('zlib');

function worker() {
	const cells = new Int32Array(threads.workerData.shared);
	let sum = 0;

	for (let i = 0; i < threads.workerData.turns; i++) {
		Atomics.add(cells, 0, 1);
		sum = (sum * 31 + i) % 65521;
	}
	Atomics.add(cells, 1, 1);
	Atomics.notify(cells, 1);
	threads.parentPort.postMessage({ sum, text: 'x'.repeat(1000) });
}

async function workers(count, turns) {
	const shared = new SharedArrayBuffer(64);
	const run = () => new Promise((resolve, reject) => {
		const w = new threads.Worker(__filename, { workerData: { shared, turns } });
		let answer;
		w.on('message', (message) => { answer = message; });
		w.on('error', reject);
		w.on('exit', (status) => resolve([status, answer.sum, answer.text.length]));
	});
	const answers = await Promise.all(Array.from({ length: count }, run));
	console.log('workers', JSON.stringify(answers), ...new Int32Array(shared).slice(0, 2));
}

function collector() {
	let list = null, sum = 0;

	for (let i = 0; i < 300000; i++) {
		if (i % 1000 === 0)
			list = null;
		list = { next: list, key: 'k' + i, data: [i, i * 2] };
		sum = (sum + list.data[1] + list.key.length) % 1000003;
	}
	const map = new Map();
	for (let i = 0; i < 20000; i++)
		map.set('key' + (i * 7919 % 5003), i);
	console.log('collector', sum, map.size, map.get('key17'));
}

async function files() {
	const data = crypto.createHash('sha512').update('azalea').digest();
	fs.mkdirSync('folder/deep', { recursive: true });
	await Promise.all([1, 2, 3, 4, 5].map((n) => fs.promises.writeFile(`folder/${n}`, Buffer.alloc(n * 10000, data))));
	fs.appendFileSync('folder/1', 'end');
	fs.renameSync('folder/1', 'folder/deep/first');
	fs.symlinkSync('deep/first', 'folder/link');
	const names = await fs.promises.readdir('folder', { withFileTypes: true });
	console.log('files', names.map((e) => e.name + (e.isDirectory() ? '/' : e.isSymbolicLink() ? '@' : '')).sort().join(' '));
	const hash = crypto.createHash('sha256');
	for await (const chunk of fs.createReadStream('folder/5', { highWaterMark: 4096 }))
		hash.update(chunk);
	console.log(hash.digest('hex'), fs.statSync('folder/link').size);
	await assert.rejects(fs.promises.open('folder/none'), { code: 'ENOENT' });
	fs.rmSync('folder/deep', { recursive: true });
}

async function server() {
	const s = http.createServer((request, response) => {
		let body = '';
		request.on('data', (data) => { body += data; });
		request.on('end', () => response.end(request.method + request.url + body.length));
	});
	await new Promise((resolve) => s.listen(0, '127.0.0.1', resolve));
	const ask = (n) => new Promise((resolve, reject) => {
		const request = http.request({ port: s.address().port, host: '127.0.0.1', path: `/${n}`, method: 'POST' }, (response) => {
			let body = '';
			response.on('data', (data) => { body += data; });
			response.on('end', () => resolve(body));
		});
		request.on('error', reject);
		request.end('y'.repeat(n * 30000));
	});
	console.log('server', (await Promise.all([1, 2, 3, 4].map(ask))).join(' '));
	s.close();
}

async function children() {
	console.log('children', child.execFileSync('tr', ['a-z', 'A-Z'], { input: 'shouted' }).toString());
	console.log(child.spawnSync('sh', ['-c', 'exit 7']).status, child.spawnSync('sh', ['-c', 'kill -9 $$']).signal);
	const cat = child.spawn('wc', ['-c']);
	cat.stdin.end('z'.repeat(200000));
	for await (const text of cat.stdout)
		console.log(text.toString().trim());
	assert.throws(() => child.execFileSync('./none'), { code: 'ENOENT' });
	const got = new Promise((resolve) => process.once('SIGUSR2', resolve));
	process.kill(process.pid, 'SIGUSR2');
	console.log(await got);
}

async function pool() {
	const text = Buffer.from('lightweight '.repeat(20000));
	const packed = await Promise.all([1, 6, 9].map((level) => new Promise((resolve) =>
		zlib.gzip(text, { level }, (error, data) => resolve(data)))));
	console.log('pool', packed.map((data) => zlib.gunzipSync(data).equals(text)).join(' '));
	console.log(await new Promise((resolve) => crypto.pbkdf2('key', 'salt', 1000, 16, 'sha256', (error, key) => resolve(key.toString('hex')))));
}

async function main() {
	const short = process.argv[2] === 'short';
	collector();
	await files();
	await server();
	await workers(short ? 2 : 4, 20000);
	await children();
	await pool();
}

if (threads.isMainThread)
	main().catch((error) => { console.log('WRONG', error); process.exitCode = 1; });
else
	worker();
