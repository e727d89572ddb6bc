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
    private const byte StopTracing = 1;
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
        using var socket = await ConnectAsync(path, cancellationToken);
        await socket.SendAsync(Request(), cancellationToken);
        var session = await ReadSessionAsync(socket, cancellationToken);
        var sink = new byte[64 << 10];
        await DrainAsync(socket, sink, cancellationToken);

        // Without this the process keeps the session and its socket for ever.
        using var stopping = await ConnectAsync(path, cancellationToken);
        await stopping.SendAsync(Stop(session), cancellationToken);
        await DrainAsync(socket, sink, cancellationToken);
        await DrainAsync(stopping, sink, cancellationToken);
    }

    private static async Task<Socket> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        return socket;
    }

    /// <summary>The answer to the request: its head, then the session's number.</summary>
    private static async Task<long> ReadSessionAsync(Socket socket, CancellationToken cancellationToken)
    {
        var answer = new byte[HeaderBytes + sizeof(long)];
        for (var count = 0; count < answer.Length;)
        {
            var received = await socket.ReceiveAsync(answer.AsMemory(count), cancellationToken);
            count += received > 0 ? received : throw new IOException("The server refused the session.");
        }

        return BinaryPrimitives.ReadInt64LittleEndian(answer.AsSpan(HeaderBytes));
    }

    /// <summary>Reads until the end, or until nothing comes for a while.</summary>
    private static async Task DrainAsync(Socket socket, byte[] sink, CancellationToken cancellationToken)
    {
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

    private static byte[] Stop(long session)
    {
        var request = Head(StopTracing);
        WriteLong(request, session);
        return Whole(request);
    }

    private static byte[] Request()
    {
        var request = Head(CollectTracing2);
        Write(request, BufferMegabytes);
        Write(request, NetTrace);
        request.Write((byte[])[0]);
        Write(request, 1);
        WriteLong(request, GcHeapCollect);
        Write(request, Informational);
        Write(request, "Microsoft-Windows-DotNETRuntime");
        Write(request, "");
        return Whole(request);
    }

    private static ArrayBufferWriter<byte> Head(byte command)
    {
        var request = new ArrayBufferWriter<byte>();
        request.Write("DOTNET_IPC_V1\0"u8);
        request.Write((byte[])[0, 0, EventPipe, command, 0, 0]);
        return request;
    }

    private static byte[] Whole(ArrayBufferWriter<byte> request)
    {
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
