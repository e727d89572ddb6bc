using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A pooler stands before PostgreSQL and does not pass on what a session asks for.</summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "PgBouncer")]
[Collection(PostgresCollection.Name)]
public sealed class PoolerTests(PostgresServer server) : PostgresFixture(server)
{
    [Fact]
    public async Task Open_PoolerDropsSettings_IsRefusedByTheFirstOne()
    {
        await using var pooler = await PgBouncer.StartAsync(Server, "extra_float_digits,options", Token);

        Assert.Equal($"The session at 127.0.0.1:{pooler.Port} has lock_timeout = 0 where '5000' was asked for: " +
            "connect to PostgreSQL itself, since a pooler between drops settings.",
            await RefusedAsync(new() { Url = UrlOver(pooler.Port), Schema = Schema }));
    }

    [Fact]
    public async Task Lock_PoolerDropsSettings_IsRefusedByTheFirstOne()
    {
        await using var pooler = await PgBouncer.StartAsync(Server, "extra_float_digits,options", Token);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => PostgresJournalLock.TakeAsync(
            new() { Url = UrlOver(pooler.Port), Schema = Schema }, JournalOwner.Alone, Token));
        Assert.Equal($"The session at 127.0.0.1:{pooler.Port} has lock_timeout = 0 where '2000' was asked for: " +
            "connect to PostgreSQL itself, since a pooler between drops settings.", refused.Message);
    }

    [Fact]
    public async Task Open_PoolerRefusesSettings_SaysSo()
    {
        await using var pooler = await PgBouncer.StartAsync(Server, "extra_float_digits", Token);

        var message = await RefusedAsync(new() { Url = UrlOver(pooler.Port), Schema = Schema });

        Assert.StartsWith($"The pooler at 127.0.0.1:{pooler.Port} takes no settings with a session (", message,
            StringComparison.Ordinal);
        Assert.EndsWith("connect to PostgreSQL itself.", message, StringComparison.Ordinal);
    }

    /// <summary>PgBouncer before the tests' PostgreSQL. It ends with this object.</summary>
    private sealed class PgBouncer : IAsyncDisposable
    {
        private const string Keeper = """
            folder=$1; shift
            "$@" > /dev/null 2>&1 < /dev/null & pooler=$!
            read -r word
            kill -KILL "$pooler" 2> /dev/null; wait "$pooler"; rm -rf "$folder"
            """;

        private readonly string _folder = Directory.CreateTempSubdirectory("evergrain-pgbouncer-").FullName;
        private readonly Process _keeper;

        private PgBouncer(PostgresServer server, string ignored)
        {
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Port = ((IPEndPoint)free.LocalEndpoint).Port;
            }

            var configuration = Path.Combine(_folder, "pgbouncer.ini");
            File.WriteAllText(configuration, $"""
                [databases]
                * = host=127.0.0.1 port={server.Port} user={PostgresServer.User} password='{PostgresServer.Password}'
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = {Port}
                unix_socket_dir =
                auth_type = any
                pool_mode = session
                ignore_startup_parameters = {ignored}
                """);

            // It refuses to run as root, and then cannot read what only root can.
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite |
                    UnixFileMode.UserExecute | UnixFileMode.OtherExecute);
            }

            string[] command = ["setsid", "sh", "-c", Keeper, "keeper", _folder,
                .. PostgresBinaries.RunAs("pgbouncer"), configuration];
            _keeper = Process.Start(new ProcessStartInfo(command[0], command[1..])
            {
                RedirectStandardInput = true,
                UseShellExecute = false,
            })!;
        }

        public int Port { get; }

        public static async Task<PgBouncer> StartAsync(PostgresServer server, string ignored,
            CancellationToken cancellationToken)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            var pooler = new PgBouncer(server, ignored);
            try
            {
                while (!await pooler.ListensAsync(patience.Token))
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
                }

                return pooler;
            }
            catch
            {
                await pooler.DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            _keeper.StandardInput.Close();
            await _keeper.WaitForExitAsync();
            _keeper.Dispose();
        }

        private async Task<bool> ListensAsync(CancellationToken cancellationToken)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, Port, cancellationToken);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }
}
