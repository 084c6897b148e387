/** The example that is written with LangChain.js: what it leaves in the log of a home of its own. */
import { play } from '../../examples/frameworks/langchain.ts';
import { tellsTheStory } from './frameworks.ts';

tellsTheStory('the example with LangChain.js', play, {
  before: [],
  about: { framework: 'langchain' },
});
