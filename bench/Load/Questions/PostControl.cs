using System.Diagnostics;
using System.Globalization;
using System.Net;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What posting a body costs by itself: the runtime's HTTP client and the kernel, for as many bytes as a context has.
/// Runs in a process of its own, <c>Load post URL BYTES COUNT</c>, and prints processor milliseconds a post.
/// </summary>
internal static class PostControl
{
    public const string Verb = "post";

    // As the server's own writes, and its sockets complete inline as the server's do.
    private const int PieceBytes = 32 << 10;
    private const string Inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Starts the process and reads what it prints.</summary>
    public static async Task<double> MeasureAsync(
        string url, long bytes, int count, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        string[] arguments = [typeof(PostControl).Assembly.Location, Verb, url, Text(bytes), Text(count)];
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment[Inline] = "1";
        using var process = Process.Start(start)!;
        var printed = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return double.Parse(printed, CultureInfo.InvariantCulture);

        static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The process itself.</summary>
    public static async Task RunAsync(string[] args, CancellationToken cancellationToken)
    {
        var url = new Uri(args[1] + "/chat/completions");
        var (bytes, count) = (long.Parse(args[2], CultureInfo.InvariantCulture),
            int.Parse(args[3], CultureInfo.InvariantCulture));
        using var http = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, UseCookies = false });
        var piece = new byte[PieceBytes];
        var before = TimeSpan.Zero;
        using var own = new ServerProbe(Environment.ProcessId, 0);

        // As many again before, for the runtime's compiler.
        for (var i = -count; i < count; i++)
        {
            if (i == 0)
            {
                before = own.ProcessorTime();
            }

            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new Pieces(piece, bytes) };
            using var answer = await http.SendAsync(request, cancellationToken);
            await answer.Content.CopyToAsync(Stream.Null, cancellationToken);
        }

        Console.WriteLine(((own.ProcessorTime() - before).TotalMilliseconds / count)
            .ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>One array, again and again.</summary>
    private sealed class Pieces(byte[] piece, long bytes) : HttpContent
    {
        protected override bool TryComputeLength(out long length)
        {
            length = bytes;
            return true;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var left = bytes; left > 0; left -= piece.Length)
            {
                await stream.WriteAsync(piece.AsMemory(0, (int)Math.Min(left, piece.Length)));
            }
        }
    }
}
