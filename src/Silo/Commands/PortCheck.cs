using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Evergrain.Frontend;
using Evergrain.Frontend.Access;

namespace Evergrain.Silo.Commands;

/// <summary>Looks whether a server could listen, or whether one does.</summary>
/// <param name="options">Where.</param>
internal sealed class PortCheck(EvergrainOptions options)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>Whether a server of ours answers at the port.</summary>
    public bool IsServing { get; private set; }

    /// <summary>Looks at each port.</summary>
    public async Task<IReadOnlyList<DoctorFinding>> FindAsync(CancellationToken cancellationToken)
    {
        _ = AccessExtensions.TryParseAddress(options.Address, out var address);
        var main = await FindAsync(address, options.Port, "--port", cancellationToken);
        return options.OperationsPort is { } operations
            ? [main, await FindAsync(address, operations, "OperationsPort", cancellationToken)]
            : [main];
    }

    private async Task<DoctorFinding> FindAsync(
        IPAddress address, int port, string setting, CancellationToken cancellationToken)
    {
        var place = new IPEndPoint(address, port).ToString();
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return Fine(port == 0 ? $"A free port of {address} is taken." : $"{place} is free.");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return await AskAsync(address, port, setting, cancellationToken);
        }
        catch (SocketException e)
        {
            return Wrong($"Nobody can listen on {place} ({e.Message}): choose another --address or {setting}.");
        }
    }

    private async Task<DoctorFinding> AskAsync(
        IPAddress address, int port, string setting, CancellationToken cancellationToken)
    {
        var place = new IPEndPoint(address, port).ToString();
        var here = address.Equals(IPAddress.Any) ? IPAddress.Loopback
            : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback
            : address;
        try
        {
            using var http = new HttpClient { Timeout = Timeout };
            var url = new UriBuilder("http", here.ToString(), port, "/health/ready").Uri;
            using var answer = await http.GetAsync(url, cancellationToken);
            var body = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
            if (answer.StatusCode == HttpStatusCode.OK && body.Text("status") == "ok")
            {
                IsServing = true;
                return Fine($"A server answers at {place}, and is ready.");
            }

            var status = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
            return Wrong($"A server answers at {place}, and is not ready: {body.Text("error", "message") ?? status}");
        }
        catch (Exception e) when (e is HttpRequestException or JsonException ||
            (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return Wrong($"Another program has {place}: stop it, or choose another {setting}.");
        }
    }

    private static DoctorFinding Fine(string said) => new("port", IsFine: true, said);

    private static DoctorFinding Wrong(string said) => new("port", IsFine: false, said);
}
