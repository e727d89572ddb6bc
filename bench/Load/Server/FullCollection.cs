using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Evergrain.Load.Server;

/// <summary>
/// Asks a .NET process for a full garbage collection, as <c>dotnet-gcdump</c> does: by opening an event session with
/// the runtime's GCHeapCollect keyword at the diagnostic socket that every .NET process has. So the product needs no
/// endpoint for it.
/// </summary>
/// <remarks>Source: dotnet/diagnostics, documentation/design-docs/ipc-protocol.md.</remarks>
internal static class FullCollection
{
    private const byte EventPipe = 2;
    private const byte CollectTracing2 = 3;
    private const int HeaderBytes = 20;
    private const int BufferMegabytes = 16;
    private const int NetTrace = 1;
    private const long GcHeapCollect = 0x80_0000;
    private const int Informational = 4;

    // The collection is done before the session is open; its few events are read until silence.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    public static async Task RunAsync(int processId, CancellationToken cancellationToken)
    {
        // A killed process leaves its socket behind, and its id is given out again: the newest is ours.
        var path = Directory.GetFiles(Path.GetTempPath(), $"dotnet-diagnostic-{processId}-*-socket")
            .MaxBy(File.GetCreationTimeUtc) ?? throw new IOException("The server has no diagnostic socket.");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        await socket.SendAsync(Request(), cancellationToken);
        var sink = new byte[64 << 10];
        while (true)
        {
            using var quiet = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            quiet.CancelAfter(Silence);
            try
            {
                if (await socket.ReceiveAsync(sink, quiet.Token) == 0)
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static ReadOnlyMemory<byte> Request()
    {
        var request = new ArrayBufferWriter<byte>();
        request.Write("DOTNET_IPC_V1\0"u8);
        request.Write((byte[])[0, 0, EventPipe, CollectTracing2, 0, 0]);
        Write(request, BufferMegabytes);
        Write(request, NetTrace);
        request.Write((byte[])[0]);
        Write(request, 1);
        WriteLong(request, GcHeapCollect);
        Write(request, Informational);
        Write(request, "Microsoft-Windows-DotNETRuntime");
        Write(request, "");
        var bytes = request.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(HeaderBytes - 6), (ushort)bytes.Length);
        return bytes;
    }

    private static void Write(ArrayBufferWriter<byte> request, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(request.GetSpan(4), value);
        request.Advance(4);
    }

    private static void WriteLong(ArrayBufferWriter<byte> request, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(request.GetSpan(8), value);
        request.Advance(8);
    }

    private static void Write(ArrayBufferWriter<byte> request, string text)
    {
        Write(request, text.Length + 1);
        request.Write(Encoding.Unicode.GetBytes(text + '\0'));
    }
}
