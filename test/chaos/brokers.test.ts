/** A sample of `npm run chaos -- brokers`. */
import { expect } from 'chai';
import { needs } from '../support/needs.ts';
import { withMosquitto, withNats } from './brokers.ts';

const COMMANDS = 120;

describe('chaos: brokers that are killed', function () {
  this.timeout(180_000);

  it('GRP-3: mosquitto killed while commands are under way: each is taken once and answered, every record is held', async function () {
    const { wrong, ...figures } = await withMosquitto({
      program: needs(this, 'mosquitto'),
      commands: COMMANDS,
      kills: 2,
    });
    expect(wrong).to.deep.equal([]);
    expect(figures).to.include({ commands: COMMANDS, answered: COMMANDS });
    expect(figures.lost).to.be.at.least(1);
  });

  it('GRP-3: a node of a NATS cluster killed, by session and by leader: the same', async function () {
    const { wrong, killed, ...figures } = await withNats({
      program: needs(this, 'nats-server'),
      commands: COMMANDS,
    });
    expect(wrong).to.deep.equal([]);
    expect(figures).to.include({ commands: COMMANDS, answered: COMMANDS });
    expect(figures.lost).to.be.at.least(1);
    expect(killed).to.have.length(2);
  });
});
