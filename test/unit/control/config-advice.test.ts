import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfig, configText, parseConfig } from '../../../src/config-file.ts';
import { socketIn } from '../../../src/config-socket.ts';
import { adviceOn, configJsonSchema } from '../../../src/control/config-advice.ts';

describe('advice on a configuration', () => {
  it.each([
    ['', []],
    ['agent: {name: attic}', []],
    ['agnet: {}', ['1 agnet: there is no such key (did you mean agent?)']],
    ['agent:\n  nmae: attic\n', ['2 agent.nmae: there is no such key (did you mean name?)']],
    [
      'configVersion: 7',
      ['1 configVersion: 7 is newer than this Hedgerow (update Hedgerow, or write the file for version 1)'],
    ],
  ])('%j', (text, told) => {
    expect(
      adviceOn(text).map(({ key, line, message, hint }) => `${line} ${key}: ${message} (${hint})`),
    ).toEqual(told);
  });

  it('names every problem, not only the first', () => {
    const text = 'enforce: {backend: magic}\nhttp:\n  listen: [x]\n  zzz: 1\n';
    const keys = adviceOn(text).map(({ key, line }) => `${key}:${line}`);
    expect(new Set(keys)).toEqual(new Set(['enforce.backend:1', 'http.listen.0:3', 'http.zzz:4']));
  });

  it('never throws, whatever the file', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(adviceOn(text))));
    fc.assert(fc.property(fc.json(), (text) => Array.isArray(adviceOn(text))));
  });

  it('of what is printed is none: it can be read again', () => {
    const config = parseConfig('agent: {name: attic}\nmqtt: {broker: off}\n', 'test');
    expect(checkConfig(configText(config))).toEqual({ config });
  });
});

describe('the JSON Schema', () => {
  it('says nothing of the machine that it is made on', () => {
    const { properties } = configJsonSchema() as {
      properties: Record<string, { properties: Record<string, object> }>;
    };
    expect(properties.agent?.properties.name).not.toHaveProperty('default');
    expect(properties.home?.properties.timeZone).not.toHaveProperty('default');
    expect(properties.agent?.properties.stateDir).toHaveProperty('default', '/var/lib/hedgerow');
    expect(configJsonSchema()).not.toHaveProperty('required');
  });
});

describe('the socket, read without the rest', () => {
  it.each([
    ['control: {socket: /run/x}', '/run/x'],
    ['observe: {external: {socket: /run/x}}', '/run/hedgerow/hedgerow.sock'],
    ['control: {group: socket}', undefined],
    ['control: {socket: x}', undefined],
    ['control: {socket: [', undefined],
    ['socket', undefined],
  ])('%s: %s', (text, path) => {
    expect(socketIn(text)).toBe(path);
  });

  it('is that of the whole configuration, whenever it is said', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const said = socketIn(text);
        const checked = checkConfig(text);
        if (said !== undefined && 'config' in checked) expect(said).toBe(checked.config.control.socket);
      }),
    );
  });
});
