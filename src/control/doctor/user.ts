import { CAPABILITIES, type Capability } from '../rights.ts';
import { everywhere, type Finding, fail, ok, warn } from './finding.ts';
import type { Machine } from './machine.ts';

const AGAIN = {
  debian:
    'cp configs/systemd/*.service /etc/systemd/system/ && systemctl daemon-reload && systemctl restart hedgerow',
  openwrt: '/etc/init.d/hedgerow restart',
};

/** Where root lacks something sudo gives nothing more. */
const CONTAINER = everywhere('docker run --network host --cap-add NET_ADMIN --cap-add NET_RAW …');

/** Each capability: the agent's where it tells, else those of whoever looks. */
export function capabilities({ rights, agent }: Machine): Finding[] {
  const ofAgent = agent.answers ? agent.rights : undefined;
  return (Object.keys(CAPABILITIES) as Capability[]).map((name) => {
    if (ofAgent !== undefined) {
      if (!ofAgent.lacks.includes(name)) return ok(name, 'the agent has it');
      const lacks = `the agent lacks it: ${CAPABILITIES[name].without}`;
      return name === 'CAP_NET_ADMIN' ? fail(name, lacks, AGAIN) : warn(name, lacks, AGAIN);
    }
    if (!rights.lacks.includes(name)) return ok(name, rights.uid === 0 ? 'root has it' : 'you have it');
    // One of before an update has its own: what a person lacks who looks does not matter to it.
    if (agent.answers) return ok(name, 'you lack it; the agent has its own');
    const without = `without it ${CAPABILITIES[name].without}`;
    if (rights.uid === 0) return warn(name, `root lacks it, as in a container: ${without}`, CONTAINER);
    return warn(name, `you lack it: ${without}`, everywhere('sudo hedgerow doctor'));
  });
}

/** As whom the agent runs, and whether whoever looks may speak to it. */
export function user({
  user: { name, missing, socketGroup, me },
  rights,
  agent,
  config,
}: Machine): Finding[] {
  const unit = missing
    ? [
        fail('user', `the service wants the user ${missing}, and there is none`, {
          debian: 'cp configs/systemd/hedgerow.sysusers /etc/sysusers.d/hedgerow.conf && systemd-sysusers',
          openwrt: '/etc/init.d/hedgerow enable',
        }),
      ]
    : [];
  if (!agent.answers) {
    if (!agent.denied) return unit;
    const group = socketGroup === undefined ? 'its group' : `the group ${socketGroup}`;
    return [
      ...unit,
      warn('group', `${me} is not in ${group}, which may use ${config.control.socket}`, {
        debian: `usermod -aG ${socketGroup ?? 'hedgerow'} ${me}   (holds from the next login on)`,
        openwrt: 'log in as root',
      }),
    ];
  }
  const runs = agent.rights?.uid === undefined ? [] : [ok('user', `the agent runs as ${name}`)];
  const may = rights.uid === 0 ? 'root' : socketGroup === undefined ? me : `${me}, in ${socketGroup}`;
  return [...unit, ...runs, ok('group', `you may use ${config.control.socket} (${may})`)];
}
