"""A SunSpec device by pymodbus, for the tests of the command line: python3 peer.py

It shares nothing with src/: registers are laid out here by hand from the official definitions, and served by
another implementation of Modbus. Prints its port on a line, then serves until its standard input ends.

Two devices in one chain (an inverter with models 1, 103, 123, a vendor model 64999 that nobody knows and 705 with
two curves; then a meter with models 1 and 203), at base 0.
"""
import asyncio
import struct
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusTcpServer


def text(value, words):
    raw = value.encode().ljust(2 * words, b'\0')
    return list(struct.unpack(f'>{words}H', raw))


def i16(value):
    return value & 0xffff


def common(maker, model, serial):
    return [1, 66] + text(maker, 16) + text(model, 16) + text('', 8) + text('4.2', 8) + text(serial, 16) + [7, 0x8000]


NA, NI = 0xffff, 0x8000

# A A_phases A_SF | PPV x3 PhV x3 V_SF | W W_SF Hz Hz_SF VA VA_SF VAr VAr_SF PF PF_SF | WH(2) WH_SF | DCA.. | Tmp | St ..
inverter = [103, 50,
            1234, 411, 411, 412, i16(-2),
            NA, NA, NA, 2301, 2302, 2303, i16(-1),
            i16(-1250), 1, 5001, i16(-2), NI, NI, NI, NI, i16(-985), i16(-1),
            0x0001, 0x86a0, i16(1),
            NA, NI, NA, NI, NI, NI,
            451, NI, NI, NI, i16(-1),
            4, NA, 0, 0x40, 0, 0] + [NA, NA] * 4

# Conn_WinTms Conn_RvrtTms Conn | WMaxLimPct WinTms RvrtTms RmpTms Ena | OutPF.. | VAr.. | SFs
controls = [123, 24,
            NA, NA, 1,
            1000, NA, 0, NA, 0,
            NI, NA, NA, NA, 0,
            NI, NI, NI, NA, NA, NA, NA, 0,
            i16(-1), NI, NI]

vendor = [64999, 5, 11, 22, 33, 44, 55]

# 705: Ena AdptCrvReq AdptCrvRslt NPt NCrv RvrtTms(2) RvrtRem(2) RvrtCrv V_SF DeptRef_SF RspTms_SF, then curves of
# ActPt DeptRef Pri VRef VRefAuto VRefAutoEna VRefAutoTms RspTms(2) ReadOnly and points V, Var.


def curve(read_only, points):
    head = [len(points), 1, 1, 1000, NA, NA, NA, 0, 500, read_only]
    return head + [word for v, q in points for word in (v, i16(q))]


curves = curve(1, [(920, 440), (980, 0)]) + curve(0, [(880, 100), (1100, -100)])
volt_var = [705, 13 + len(curves), 1, 0, 0, 2, 2, 0, 0, 0, 0, NA, i16(-1), i16(-1), i16(-2)] + curves

meter = [203, 105] + [NI] * 105
meter[2 + 16] = i16(-321)
meter[2 + 20] = 0

chain = ([0x5375, 0x6e53] + common('Acme', 'Peer 8', 'P-1') + inverter + controls + vendor + volt_var
         + common('Acme', 'Peer Meter', 'M-1') + meter + [0xffff, 0])


CONN = 122 + 4


class Stubborn(ModbusSequentialDataBlock):
    """Acknowledges what is written to 123.Conn, and does not do it."""

    def setValues(self, address, values):
        if address != CONN:
            super().setValues(address, values)


async def main():
    context = ModbusServerContext(
        slaves={1: ModbusSlaveContext(hr=Stubborn(0, chain), zero_mode=True)}, single=False)
    server = ModbusTcpServer(context, address=('127.0.0.1', 0))
    serving = asyncio.create_task(server.serve_forever())
    await server.serving
    while not server.server.sockets:
        await asyncio.sleep(0.01)
    print(server.server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.cancel()


try:
    asyncio.run(main())
except asyncio.CancelledError:
    pass
