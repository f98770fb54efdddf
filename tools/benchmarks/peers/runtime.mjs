// The loop of the Runtime API. AWS's own client for Node.js (`aws-lambda-ric`) compiles a native part with cmake when it is installed,
// so this is written with Node.js's `fetch`.

const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

export async function run(handler) {
  for (;;) {
    const next = await fetch(`${base}/invocation/next`);
    const event = await next.json();
    const id = next.headers.get('lambda-runtime-aws-request-id');
    let outcome = 'response';
    let answer;
    try {
      answer = await handler(event);
    } catch (error) {
      outcome = 'error';
      answer = { errorType: error.name, errorMessage: error.message };
    }
    const sent = await fetch(`${base}/invocation/${id}/${outcome}`, { method: 'POST', body: JSON.stringify(answer) });
    await sent.arrayBuffer();
  }
}
