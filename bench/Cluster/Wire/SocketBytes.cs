using System.Diagnostics;
using System.Globalization;

namespace Evergrain.Cluster.Wire;

/// <summary>Bytes that went through sockets, as the kernel counted them: no proxy stands between.</summary>
/// <param name="Sent">To the port.</param>
/// <param name="Received">From it.</param>
internal readonly record struct SocketBytes(long Sent, long Received)
{
    public static SocketBytes operator -(SocketBytes left, SocketBytes right) =>
        new(left.Sent - right.Sent, left.Received - right.Received);

    public static SocketBytes operator +(SocketBytes left, SocketBytes right) =>
        new(left.Sent + right.Sent, left.Received + right.Received);

    /// <summary>What the open connections to a port have carried since they were made.</summary>
    public static async Task<SocketBytes> ToPortAsync(int port, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("ss") { RedirectStandardOutput = true, UseShellExecute = false };
        string[] arguments = ["-tinH", "state", "established",
            string.Create(CultureInfo.InvariantCulture, $"dport = :{port}")];
        Array.ForEach(arguments, start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        var bytes = new SocketBytes(Sum(output, "bytes_sent:"), Sum(output, "bytes_received:"));
        return process.ExitCode == 0 && bytes.Sent > 0
            ? bytes
            : throw new InvalidOperationException($"ss does not count the bytes of connections to port {port}.");
    }

    private static long Sum(string output, string name) => output.Split([' ', '\n'])
        .Where(word => word.StartsWith(name, StringComparison.Ordinal))
        .Sum(word => long.Parse(word[name.Length..], CultureInfo.InvariantCulture));
}
