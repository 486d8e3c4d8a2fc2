"""Programs that want out of where they are shut in, or never end. SPOT and KEPT are files to make or delete."""

from __future__ import annotations

from collections.abc import Mapping

HOSTILE: Mapping[str, str] = {
    "fork": "import os\nos.fork()",
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError as e: raise SystemExit(e)",
    "thread": "import threading\nthreading.Thread(target=print).start()",
    "shell": "import os\nassert os.system('touch SPOT') == 0",
    "write": "open('SPOT', 'w').write('x')",
    "read": "open('/etc/hostname').read()",
    "list": "import os\nos.listdir('/')",
    "remove": "import os\nos.remove('KEPT')",
    "kill": "import os\nos.kill(os.getppid(), 9)",
    "socket": "import _socket\n_socket.socket()",
    "import": "import ctypes.wintypes",
    "exit": "import os\nos._exit(0)",
    "leave": "raise SystemExit(0)",
    "loop": "while True: pass",
    "wait": "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()",
    "sleep": "import time\ntime.sleep(1000)",
    "memory": "x = [bytes(10**7) for _ in range(10**5)]",
    "number": "9 ** 9 ** 9",
    "recursion": "def f(): f()\nf()",
    "nesting": "(" * 5000 + ")" * 5000,
    "brackets": "[" * 190 + "]" * 190 + "\n1/0",
    "output": "print('x' * 10**8)\n1/0",
    "names": "__builtins__.clear() if hasattr(__builtins__, 'clear') else None\n1/0",
    "forged": 'import os\nos.write(1, b\'{}\\n{"results": [{"value": 1}, {"value": 1}]}\\n\')\nos._exit(0)',
    "noise": "import os\nos.write(1, b'\\xff' * 10**6)\n1/0",
}
