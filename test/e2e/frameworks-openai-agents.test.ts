/** The example that is written with the OpenAI Agents SDK: what it leaves in the log of a home of its own. */
import { play } from '../../examples/frameworks/openai-agents.ts';
import { tellsTheStory } from './frameworks.ts';

tellsTheStory('the example with the OpenAI Agents SDK', play, {
  before: ['custom point agent.start'],
  about: { framework: '@openai/agents' },
});
