import sys
from tests.simulation.checker import judged
from tests.simulation.episode import played
from tests.simulation.faults import drawn
import time
a,b=int(sys.argv[1]),int(sys.argv[2])
for seed in range(a,b):
    t=time.process_time()
    plan=drawn(seed,length_s=120.0)
    e=played(plan, shown="--trace" in sys.argv)
    v=judged(e)
    print(seed, f"{time.process_time()-t:.2f}s", e.settled_s, v.orders,v.trades,e.counts,e.alarms,{k:(round(n.coin_s),round(n.longest_s)) for k,n in v.naked.items()})
    for w in v.wrong[:6]: print("   !",w)
