import { canonicalAddress, canonicalDomain, canonicalMac, canonicalPrefix } from '../../policy/address.ts';
import { addressNodeId, deviceId, domainNodeId } from '../../policy/identity.ts';
import type { Subject } from '../../policy/records.ts';
import { only } from '../commands/pair.ts';
import { labelOf } from '../known-node.ts';
import type { Parts } from '../parts.ts';

/** What words of a book are read and written with. */
export type BookParts = Pick<Parts, 'crypto' | 'replica' | 'directory' | 'cache'>;

/**
 * A subject in a book. What another home understands as well: a device by its MAC (`tv (02:00:00:00:01:01)`), a remote by its
 * address or as `remote:ads.example`, `group:kids`, a domain, `*.ads.example`, a network, `home`, `lan`, `internet`. An
 * id where there is none of these.
 */
export function subjectToWords(parts: BookParts, subject: Subject): string {
  const { crypto, replica, directory } = parts;
  switch (subject.kind) {
    case 'device': {
      const node = directory.observed(subject.id);
      const mac = node?.macs.find((each) => deviceId(crypto, replica.home, each) === subject.id);
      if (node === undefined || mac === undefined) return `device:${subject.id}`;
      const label = labelOf(node);
      return label === mac ? mac : `${label} (${mac})`;
    }
    case 'remote': {
      const node = directory.observed(subject.id);
      const domain = node?.domains.find((each) => domainNodeId(crypto, replica.home, each) === subject.id);
      const bound = node?.addresses.find(
        ({ address }) => addressNodeId(crypto, replica.home, address) === subject.id,
      );
      return bound?.address ?? `remote:${domain ?? subject.id}`;
    }
    case 'domain':
      return subject.domain;
    case 'pattern':
      return `*.${subject.suffix}`;
    case 'network':
      return subject.prefix;
    case 'group':
      return `group:${subject.group}`;
    case 'router':
      return `router:${subject.peer}`;
    default:
      return subject.kind;
  }
}

const NODE_ID = /^[0-9a-f]{32}$/;

/** The subject that words of a book stand for. UsageError when they stand for nothing, or for several things. */
export function subjectFromWords(parts: BookParts, words: string): Subject {
  const { crypto, replica } = parts;
  const text = words.trim();
  const mac = canonicalMac(/^(?:.*\s)?\(([^()]*)\)$/s.exec(text)?.[1] ?? text);
  if (mac !== undefined) {
    // A device that nobody has seen yet becomes known by this, so that it is cut from its first packet.
    parts.directory.find(mac);
    return { kind: 'device', id: deviceId(crypto, replica.home, mac) };
  }
  const [, prefix = '', rest = ''] = /^(device|remote|group|router):(.*)$/s.exec(text) ?? [];
  if (prefix === 'group') return { kind: 'group', group: rest };
  if (prefix === 'router' && /^[0-9a-f]{64}$/.test(rest)) return { kind: 'router', peer: rest };
  if (prefix === 'device' && NODE_ID.test(rest)) return { kind: 'device', id: rest };
  if (prefix === 'remote' && NODE_ID.test(rest)) return { kind: 'remote', id: rest };
  const remote = prefix === 'remote' ? canonicalDomain(rest) : undefined;
  if (remote !== undefined) return { kind: 'remote', id: domainNodeId(crypto, replica.home, remote) };
  if (text === 'home' || text === 'lan' || text === 'internet') return { kind: text };
  if (text.startsWith('*.') && canonicalDomain(`x${text.slice(1)}`) !== undefined)
    return { kind: 'pattern', suffix: text.slice(2).toLowerCase().replace(/\.$/, '') };
  const address = canonicalAddress(text);
  if (address !== undefined) {
    const id = addressNodeId(crypto, replica.home, address);
    parts.cache.addressNode(address);
    return { kind: 'remote', id };
  }
  const network = text.includes('/') ? canonicalPrefix(text) : undefined;
  if (network !== undefined) return { kind: 'network', prefix: network };
  const domain = canonicalDomain(text);
  return domain !== undefined ? { kind: 'domain', domain } : only(parts.directory, text).subject;
}
