// npm run ship:check: builds the image of the Dockerfile, brings compose.yaml up with it and takes the first steps of the
// README there, stops the server under load, and brings everything down again. Then it renders the Helm chart and
// checks it against the schemas of Kubernetes.
import { checkChart } from './ship/check-chart.js';
import { checkImage } from './ship/check-image.js';
import { timed } from './ship/run.js';

await timed('in all', async () => {
  await checkChart();
  await checkImage();
});
