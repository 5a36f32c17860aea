"""The narratives of `narrative-bench flight`, played by LangGraph: URL [NARRATIVES [EACH]].

CHECKPOINTS=1 keeps the state after each node in memory, as LangGraph's runs that can be resumed do.
"""

import asyncio
import json
import os
import sys
import time

os.environ["LANGSMITH_TRACING"] = "false"

import httpx2
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from openai import DefaultAioHttpClient

SYSTEM = SystemMessage("You write short and friendly posts.")


def graph_of(model, checkpointer):
    """Three nodes, each of which asks with all messages before it and appends question and answer."""

    def act(prompt):
        async def node(state):
            question = HumanMessage(prompt(state))
            answer = await model.ainvoke([SYSTEM, *state["messages"], question])
            return {"messages": [question, answer]}

        return node

    class State(MessagesState):
        community: str

    graph = StateGraph(State)
    graph.add_node("idea", act(lambda state: f"Name one simple habit that helps people in {state['community']}."))
    graph.add_node("post", act(lambda state: "Write two friendly sentences about that."))
    graph.add_node("title", act(lambda state: f"Give the post a title. The idea was: {state['messages'][1].content}"))
    graph.add_edge(START, "idea")
    graph.add_edge("idea", "post")
    graph.add_edge("post", "title")
    graph.add_edge("title", END)
    return graph.compile(checkpointer=checkpointer)


async def several(graph, number, times):
    sent_bytes = 0
    for time_ in range(times):
        config = {"configurable": {"thread_id": f"{number}-{time_}"}}
        state = await graph.ainvoke({"community": f"community {number}"}, config)
        answers = state["messages"][1::2]
        if len(answers) != 3 or not answers[-1].content:
            raise RuntimeError("a narrative has not played its acts")
        sent_bytes += sum(answer.usage_metadata["input_tokens"] for answer in answers)
    return sent_bytes


def peak_memory_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


async def main(url, narratives=1000, each=1):
    has_checkpoints = os.environ.get("CHECKPOINTS") == "1"
    no_limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    # What its makers recommend for many requests at once: looking for a free one among 1,000 connections of HTTPX costs more than
    # all of the rest.
    async with DefaultAioHttpClient(limits=no_limits, timeout=60) as client:
        model = ChatOpenAI(model="bench", base_url=url, api_key="none", max_retries=0, http_async_client=client)
        graph = graph_of(model, InMemorySaver() if has_checkpoints else None)
        begun, before = time.perf_counter(), time.process_time()
        sent_bytes = sum(await asyncio.gather(*(several(graph, number, each) for number in range(narratives))))
        wall, processor = time.perf_counter() - begun, time.process_time() - before
    acts = narratives * each * 3
    print(
        json.dumps(
            {
                "bench": "flight",
                "peer": "langgraph, checkpoints in memory" if has_checkpoints else "langgraph",
                "narratives": narratives,
                "each": each,
                "wall_s": round(wall, 3),
                "wall_ratio_to_ideal": round(wall / (each * 0.6), 3),
                "peak_memory_mb": round(peak_memory_mb()),
                "cpu_ms_per_act": round(processor * 1e3 / acts, 3),
                "acts_per_cpu_s": round(acts / processor),
                "sent_bytes": sent_bytes,
            }
        )
    )


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
