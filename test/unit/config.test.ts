import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config-file.ts';

describe('the configuration', () => {
  it('has a default for every key', () => {
    const config = parseConfig('', 'x.yaml');
    expect(config.agent.stateDir).toBe('/var/lib/hedgerow');
    expect(config.enforce.backend).toBe('auto');
    expect(config.agent.name).toMatch(/^[a-z0-9-]{1,32}$/);
    expect(parseConfig('agent: {name: attic}', 'x.yaml').agent.stateDir).toBe('/var/lib/hedgerow');
  });

  it.each([
    ['agent: {name: "Living Room"}', 'agent.name'],
    ['enforce: {backend: magic}', 'enforce.backend'],
    ['enforce: {maxAddresses: many}', 'enforce.maxAddresses'],
    ['home: {networks: [10.0.0.0/8, nonsense]}', 'home.networks.1'],
    ['agnet: {}', 'agnet'],
    ['home: {timeZone: Europe/Atlantis}', 'home.timeZone'],
    ['home: {timeZone: "+01:00"}', 'home.timeZone'],
    ['home: {timeZone: ""}', 'home.timeZone'],
    ['home: {bedtime: "25:00"}', 'home.bedtime'],
    ['clock: {trusted: sometimes}', 'clock.trusted'],
    ['control: {socket: relative.sock}', 'control.socket'],
    ['configVersion: 2', 'newer'],
    ['a: [', 'not YAML'],
    ['just text', '(top)'],
    ['{"a": &a [*a]}', 'x.yaml'],
  ])('names the bad key: %s', (text, word) => {
    expect(() => parseConfig(text, 'x.yaml')).toThrow(word);
    expect(() => parseConfig(text, 'x.yaml')).toThrow(expect.objectContaining({ name: 'ConfigError' }));
  });

  it('canonicalises networks', () => {
    expect(parseConfig('home: {networks: [192.168.1.7/24, "2001:DB8::/32"]}', 'x').home.networks).toEqual([
      '192.168.1.0/24',
      '2001:db8::/32',
    ]);
  });

  it('knows the zone of the home and whether to believe the clock', () => {
    const { home, clock } = parseConfig('', 'x');
    expect(() => new Intl.DateTimeFormat('en', { timeZone: home.timeZone })).not.toThrow();
    expect([home.bedtime, clock.trusted]).toEqual(['20:00', 'auto']);
    expect(parseConfig('home: {timeZone: Asia/Kathmandu}', 'x').home.timeZone).toBe('Asia/Kathmandu');
  });

  it('refuses a file that was named and is not there', () => {
    expect(() => loadConfig('/nowhere/hedgerow.yaml')).toThrow(
      expect.objectContaining({ name: 'ConfigError' }),
    );
  });

  it('answers rubbish with a ConfigError and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseConfig(text, 'x.yaml');
        } catch (error) {
          expect(error).toMatchObject({ name: 'ConfigError' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
