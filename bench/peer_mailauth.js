// SPDX-License-Identifier: MIT
// npm mailauth: peer.js OPERATION FOLDER, as bench.h says.
const fs = require('fs');
const { dkimSign } = require('mailauth/lib/dkim/sign');
const { dkimVerify } = require('mailauth/lib/dkim/verify');
const { spf } = require('mailauth/lib/spf');

const [operation, folder] = process.argv.slice(2);
const read = name => fs.readFileSync(`${folder}/${name}`);
const record = read('record.txt').toString(), pem = read('key.pem').toString();
const unsigned = read('unsigned.eml'), signed = read('signed.eml');
const tree = new Map(read('spf.txt').toString().trim().split('\n').map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));

const must = good => { if (!good) throw new Error('no such verdict'); };
const run = {
	sign: async () => must((await dkimSign(unsigned, { canonicalization: 'relaxed/relaxed',
		signatureData: [{ signingDomain: 'a.test', selector: 's1', privateKey: pem }] })).signatures),
	verify: async () => must((await dkimVerify(signed, { resolver: async () => [[record]] })).results[0].status.result === 'pass'),
	spf: async () => must((await spf({ sender: 'user@tree.test', ip: '192.0.2.77', helo: 'mail.tree.test', mta: 'mx.test', maxResolveCount: 10,
		resolver: async name => [[tree.get(name)]] })).status.result === 'pass'),
}[operation];

(async () => {
	for (let i = 0; i < 30; i++) await run();
	let best = 1e12;
	for (let k = 0; k < 5; k++) {
		const start = process.cpuUsage();
		for (let i = 0; i < 20; i++) await run();
		const took = process.cpuUsage(start);
		best = Math.min(best, (took.user + took.system) / 20);
	}
	console.log(best);
})().catch(error => { console.error(error); process.exit(1); });
