"""An agent of three steps, every one in the log: python3 examples/python/agent.py (while `tally up` runs)"""

import tally

with tally.run(agent="reporter", workflow="monthly") as run:
    run.user_message("how did we sell in May?")
    with run.model("local-1", [{"role": "user", "content": "which tool?"}], provider="local") as call:
        call.output = "sales.query"
        call.usage = {"input_tokens": 12, "output_tokens": 3, "cost_usd": 0.0001}
    with run.act("sales.query", {"month": "2026-05"}) as act:
        total = 1250
    try:
        with run.act("mail.send", {"to": "all@example.com"}):
            print("this is not reached")
    except tally.Stopped as stop:
        print(f"stopped: {stop.reason}")
    print(f"sum: {total}")
