using System.Net;
using System.Net.Http.Headers;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Access;

/// <summary>Key files that change, vanish, hold nothing or hold mistakes.</summary>
public sealed class KeyFileTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"evergrain-keys-{Guid.CreateVersion7():N}");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Changed_IsReread()
    {
        await File.WriteAllTextAsync(_file, "# ours\n\nold=team\n");
        await using var server = await StartAsync();
        var store = server.Get<ApiKeyStore>();
        Assert.Equal("team", store.FindTenant("old"u8));
        Assert.False(store.Reload());

        await File.WriteAllTextAsync(_file, "new");
        Assert.True(store.Reload());

        Assert.Null(store.FindTenant("old"u8));
        Assert.Equal("default", store.FindTenant("new"u8));
    }

    [Theory]
    [InlineData("new=")]
    [InlineData("\"new\"")]
    [InlineData(null)]
    public async Task ChangedForTheWorse_KeepsTheOldKeysAndSaysSoOnce(string? content)
    {
        await File.WriteAllTextAsync(_file, "old");
        await using var server = await StartAsync();
        var store = server.Get<ApiKeyStore>();

        File.Delete(_file);
        if (content is not null)
        {
            await File.WriteAllTextAsync(_file, content);
        }

        Assert.True(store.Reload());
        Assert.False(store.Reload());

        Assert.Equal("default", store.FindTenant("old"u8));
        Assert.Contains(_file, Assert.Single(server.Warnings), StringComparison.Ordinal);
        Assert.DoesNotContain("new", server.Warnings.Single(), StringComparison.Ordinal);

        // As it was before: that is a change too.
        await File.WriteAllTextAsync(_file, "old");
        Assert.True(store.Reload());
        Assert.Equal("default", store.FindTenant("old"u8));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n\n")]
    public async Task WithoutKeys_RefusesEveryoneAndSaysSo(string content)
    {
        await File.WriteAllTextAsync(_file, "old");
        await using var server = await StartAsync();
        var store = server.Get<ApiKeyStore>();
        await File.WriteAllTextAsync(_file, content);

        Assert.True(store.Reload());

        Assert.True(store.IsRequired);
        Assert.Contains("no API key", Assert.Single(server.Warnings), StringComparison.Ordinal);
        using var http = server.CreateHttpClient();
        await http.GetStringAsyncOf("/v1/models", HttpStatusCode.Unauthorized);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "old");
        await http.GetStringAsyncOf("/v1/models", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task WithoutKeysAtStart_RefusesEveryoneAndSaysSo()
    {
        await File.WriteAllTextAsync(_file, "# later\n");
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();

        await http.GetStringAsyncOf("/v1/models", HttpStatusCode.Unauthorized);

        Assert.Contains(server.Warnings, static line => line.Contains("no API key", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ApiKeysFile")]
    [InlineData("OperatorKeysFile")]
    public async Task MissingAtStart_IsAMistakeThatNamesSettingAndFile(string setting)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            TestServer.StartAsync(new ScriptedConversations(), (setting, "/nowhere/keys")));

        Assert.StartsWith($"{setting}: '/nowhere/keys' cannot be read", Assert.Single(error.Failures),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task LinesThatCanNeverMatch_AreAllNamedByLineAndNotByKey()
    {
        await File.WriteAllTextAsync(_file, "fine=team\n\"secret1\"=team\n# comment\nsecret 2\nsecret,3\nsécret4\n");

        var error = await Assert.ThrowsAsync<OptionsValidationException>(StartAsync);

        Assert.Equal([2, 4, 5, 6], error.Failures.Select(failure =>
            int.Parse(failure[$"{_file} line ".Length..failure.IndexOf(": ", StringComparison.Ordinal)])));
        Assert.All(error.Failures, static failure => Assert.DoesNotContain("cret", failure, StringComparison.Ordinal));
    }

    [Fact]
    public async Task OfOperators_Changed_IsReread()
    {
        await File.WriteAllTextAsync(_file, "old");
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("ApiKeys:0", "key"),
            ("OperatorKeysFile", _file), ("ApiKeysInterval", "01:00:00"));
        var store = server.Get<ApiKeyStore>();
        Assert.Equal("!operator", store.FindTenant("old"u8));

        await File.WriteAllTextAsync(_file, "new");
        Assert.True(store.Reload());

        Assert.Null(store.FindTenant("old"u8));
        Assert.Equal("!operator", store.FindTenant("new"u8));
        Assert.Equal("default", store.FindTenant("key"u8));
    }

    [Fact]
    public async Task ChangedOnDisk_IsNoticed()
    {
        await File.WriteAllTextAsync(_file, "old");
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("ApiKeysFile", _file), ("ApiKeysInterval", "00:00:00.1"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "new");
        await File.WriteAllTextAsync(_file, "new");

        using var patience = new CancellationTokenSource(TestServer.Patience);
        while ((await http.GetAsync("/v1/models", patience.Token)).StatusCode != HttpStatusCode.OK)
        {
            await Task.Yield();
        }
    }

    private Task<TestServer> StartAsync() => TestServer.StartAsync(new ScriptedConversations(),
        ("ApiKeysFile", _file), ("ApiKeysInterval", "01:00:00"));
}
