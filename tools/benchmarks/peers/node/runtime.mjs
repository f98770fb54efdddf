// The loop of the Runtime API, written with `fetch`. AWS's own client for Node.js (`aws-lambda-ric`) is not used,
// because its installation compiles a native part with cmake.

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
