/** Who is at the other end of a loopback connection: out of tables as the kernel writes them, and over real ones. */
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { isOwnUser, type Peer, uidIn } from '../../src/server/peer.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (from: string, to: string, uid: number, inode = 77): string =>
  `   0: ${from} ${to} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 20 4 30 10 -1`;
const peer: Peer = { remoteAddress: '127.0.0.1', remotePort: 5000, localPort: 7700 };
const uid = (...rows: readonly string[]): number | undefined => uidIn([HEAD, ...rows].join('\n'), peer, 'LE');

describe('the table of connections', () => {
  it('tells the user of the client’s end, over IPv4 and over an IPv6 socket', () => {
    assert.equal(uid(row('0100007F:1388', '0100007F:1E14', 1001)), 1001);
    const mapped = '0000000000000000FFFF0000';
    assert.equal(uid(row(`${mapped}0100007F:1388`, `${mapped}0100007F:1E14`, 1002)), 1002);
    const big = `${HEAD}\n${row('7F000001:1388', '7F000001:1E14', 1003)}`;
    assert.equal(uidIn(big, peer, 'BE'), 1003);
  });

  it('takes neither the server’s own end, nor another address or port, nor a closed one whose user is forgotten', () => {
    assert.equal(uid(row('0100007F:1E14', '0100007F:1388', 0)), undefined);
    assert.equal(uid(row('0200007F:1388', '0100007F:1E14', 0)), undefined);
    assert.equal(uid(row('0100007F:1389', '0100007F:1E14', 0)), undefined);
    assert.equal(uid(row('0100007F:1388', '0100007F:1E15', 0)), undefined);
    assert.equal(uid(row('0100007F:1388', '0100007F:1E14', 0, 0)), undefined);
    assert.equal(uid('nonsense', ''), undefined);
  });
});

describe('a client on this machine', () => {
  it('is the own user over every kind of socket, and nobody when it is not there', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const options of [{ host: '127.0.0.1' }, { host: '127.0.0.1', localAddress: '127.0.0.1' }]) {
        const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
        const client = connect({ ...options, port });
        const { remoteAddress = '', remotePort = 0, localPort = 0 } = await accepted;
        assert.equal(await isOwnUser({ remoteAddress, remotePort, localPort }), true);
        const elsewhere = await isOwnUser({ remoteAddress: '127.9.9.9', remotePort, localPort });
        assert.equal(elsewhere, process.platform !== 'linux');
        client.destroy();
      }
    } finally {
      server.close();
    }
  });
});
