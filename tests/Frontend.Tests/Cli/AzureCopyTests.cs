using Evergrain.Frontend.Tests.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary><c>evergrain copy</c>, from a directory into Azure Storage, and back.</summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcessTests))]
public sealed class AzureCopyTests(AzuriteServer azurite, ITestOutputHelper output) : IAsyncLifetime
{
    private const string Container = "evergrain";
    private const int Count = 100;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-copy-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    private CancellationToken Token => _patience.Token;

    public Task InitializeAsync() => azurite.StartAsync();

    public Task DisposeAsync()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Conversations_GoOnById_ThereAndBack()
    {
        string source = PathOf("source"), back = PathOf("back");
        KeptConversations made;
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(source), Token))
        {
            made = await KeptConversations.MakeAsync(server, Count, Token);
            await server.KillAsync();
        }

        await CopyAsync($"sqlite:{source}", azurite.ConnectionString);
        IReadOnlyList<string> there;
        await using (var server = await ServerProcess.StartAsync(
            ServerSettings.OnAzure(azurite.ConnectionString, Container), Token))
        {
            there = await made.GoOnAsync(server, Token);
            (await new CommandProcess(Token).RunAsync("copy", "--from", azurite.ConnectionString, "--to",
                $"sqlite:{back}")).AssertRefused("is in use by another process");
            await server.TerminateAsync(Token);
            await server.ExitAsync(Token);
        }

        await CopyAsync(azurite.ConnectionString, $"sqlite:{back}");
        foreach (var directory in (string[])[source, back])
        {
            await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(directory), Token);
            Assert.Equal(there, await made.GoOnAsync(server, Token));
        }
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private async Task CopyAsync(string from, string to)
    {
        var commands = new CommandProcess(Token);
        var said = (await commands.RunAsync("copy", "--from", from, "--to", to, "--json")).Succeeded().Json;
        Assert.Equal(Count, said.GetProperty("copied").GetInt32());
        Assert.DoesNotContain("Eby8vdM02x", said.ToString(), StringComparison.Ordinal);
        output.WriteLine($"[note] copied and compared: {said}");
    }
}
